"""The videos of a data set and the names of its classes."""

import re
from typing import NamedTuple

from rstg_tf.data import storage

LABELS = "labels.txt"


class Video(NamedTuple):
    """A video of a data set.

    Attributes:
        media_id: Its name, unique in the data set.
        path: Of its file, or of the folder of its JPEG frames, relative to the list's `root`.
        label: Index of its class.
    """

    media_id: str
    path: str
    label: int


class VideoList(NamedTuple):
    """The videos of one split of a data set.

    Attributes:
        name: Name of the data set, which shards are called after.
        split: Name of the split.
        source: What it was read from, in words.
        root: Folder that the videos' paths start from, local or a URL.
        class_names: List of str, in the order of the data set's label file.
        videos: List of `Video`.
        image_rate: Frames per second where videos are folders of JPEG frames, else None.
    """

    name: str
    split: str
    source: str
    root: str
    class_names: list
    videos: list
    image_rate: float | None = None


def read_class_names(folder, used, labels=None):
    """Returns the names of the classes of a data set that has no label file of its own format.

    Args:
        folder: Folder of the data set; its `labels.txt` names the classes, one a line.
        used: Set of the classes of its videos.
        labels: File to take instead of `labels.txt`.

    Returns:
        List of str, in the order of the file; without one in alphabetical order, or in that of
        their values where all are numbers.

    Raises:
        FileNotFoundError: `labels` is missing.
        ValueError: The file is damaged, or lacks a class that is used.
    """
    path = labels or storage.join(folder, LABELS)
    if labels is None and storage.size(path) is None:
        numbers = all(re.fullmatch(r"[0-9]+", name) for name in used)
        return sorted(used, key=int if numbers else None)
    names = [line.strip() for line in read_text(path).splitlines() if line.strip()]
    check_class_names(names, path)
    unknown = sorted(used - set(names))
    if unknown:
        raise ValueError(
            f"The label file lacks {len(unknown)} of the classes of the videos, as "
            f"{unknown[0]!r}. Received: {path}"
        )
    return names


def check_class_names(names, path):
    """Raises a ValueError where a label file names no classes, or one of them twice."""
    if not names:
        raise ValueError(f"The label file names no classes. Received: {path}")
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"The label file names {twice!r} twice. Received: {path}")


def read_text(path):
    """Returns the text of a small file.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: It is not UTF-8.
    """
    try:
        return storage.read(path).decode("utf-8-sig")
    except FileNotFoundError as error:
        raise FileNotFoundError(f"A file of the data set is missing. Received: {path}") from error
    except UnicodeDecodeError as error:
        raise ValueError(f"The file is not text in UTF-8 ({error}). Received: {path}") from error
