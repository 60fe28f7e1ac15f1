"""The videos of a dataset and the names of its classes."""

import collections
import re
import unicodedata
from typing import NamedTuple

from rstg_tf.data import storage
from rstg_tf.data.videos.file_names import shown
from rstg_tf.text import check_class_name

LABELS = "labels.txt"


class Video(NamedTuple):
    """A video file of a dataset, or a folder of its JPEG frames."""

    media_id: str  # Unique in the dataset.
    path: str  # Relative to the root of the list.
    label: int


class VideoList(NamedTuple):
    """The videos of one split of a dataset, whose classes are in the order of the label file.

    `notes` are lines for the user: what was left out, and what looks like a mistake.
    """

    name: str
    split: str
    source: str  # What it was read from, in words.
    root: str  # A path or a URL.
    class_names: list
    videos: list
    image_rate: float | None = None  # Frames per second of folders of JPEG frames, else None.
    notes: tuple = ()


def read_class_names(folder, used, labels=None):
    """Returns the class names of a dataset without a label file of its own format.

    They are those of `labels`, by default of the folder's `labels.txt`; without one they are the
    set `used`, in alphabetical or, if all are numbers, numerical order. Raises FileNotFoundError if
    `labels` is missing, ValueError if it is damaged or lacks a class that is used.
    """
    path = labels or storage.join(folder, LABELS)
    if labels is None and storage.size(path) is None:
        numbers = all(re.fullmatch(r"[0-9]+", name) for name in used)
        return sorted(used, key=(lambda name: (int(name), name)) if numbers else None)
    names = read_label_file(path)
    unknown = sorted(used - set(names))
    if unknown:
        similar = [name for name in names if _alike(name) == _alike(unknown[0])]
        hint = " (it has one that differs in case, spaces or Unicode normalisation)"
        raise ValueError(
            f"The label file lacks {len(unknown)} of the classes of the videos, as "
            f"{shown(unknown[0])!r}{hint if similar else ''}. Received: {path}"
        )
    return names


def read_label_file(path):
    """Returns the class names of a file with one a line, ended by line feeds only; none is empty.

    Raises ValueError if it names no classes, one twice, or one not visible in one line.
    """
    lines = (line.strip(" \t\r") for line in read_text(path).split("\n"))
    names = []
    for number, name in enumerate(lines, 1):
        if name:
            check_class_name(name, f"{path}, line {number}")
            names.append(name)
    check_class_names(names, path)
    return names


def check_class_names(names, path):
    """Raises a ValueError where a label file names no classes, or one of them twice."""
    if not names:
        raise ValueError(f"The label file names no classes. Received: {path}")
    twice, count = collections.Counter(names).most_common(1)[0]
    if count > 1:
        raise ValueError(f"The label file names {twice!r} twice. Received: {path}")


def alike(names):
    """Returns what to say of classes whose names can hardly be told apart; a list of str."""
    groups = collections.defaultdict(list)
    for name in names:
        groups[_alike(name)].append(name)
    return [
        f"classes whose names differ only in case, spaces or Unicode normalisation: "
        f"{', '.join(ascii(name) for name in group)}"
        for group in groups.values()
        if len(group) > 1
    ]


def _alike(name):
    return " ".join(unicodedata.normalize("NFKC", name).casefold().split())


def read_text(path):
    """Returns the text of a small file; raises ValueError if it is not UTF-8."""
    try:
        content = storage.read(path)
    except FileNotFoundError as error:
        raise FileNotFoundError(f"A file of the data set is missing. Received: {path}") from error
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        wide = content.startswith((b"\xff\xfe", b"\xfe\xff"))
        raise ValueError(
            f"The file is not text in UTF-8 but in {'UTF-16' if wide else 'another encoding'} "
            f"(line {line}: {error.reason}); save it as UTF-8. Received: {path}"
        ) from error
