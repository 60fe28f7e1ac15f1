"""Data sets whose videos lie in one folder for each class."""

import posixpath

from rstg_tf.data import storage
from rstg_tf.data.videos.video_list import Video, VideoList, read_class_names

_SPLITS = {"train": "train", "validation": "validation", "val": "validation", "test": "test"}
_EXTENSIONS = (
    *(".webm", ".mp4", ".m4v", ".mov", ".avi", ".mkv", ".gif", ".mpg", ".mpeg"),
    *(".mts", ".ts", ".wmv", ".flv", ".3gp", ".ogv"),
)


def list_split(source, split, labels=None):
    """Lists the videos of one split of a folder.

    Args:
        source: Folder of `CLASS/video.mp4`, or of `train/CLASS/video.mp4`, `validation/...` (or
            `val/...`), `test/...`. Without splits all its videos are those of the split.
        split: Name of the split.
        labels: As in `read_class_names`.

    Returns:
        `VideoList`. Classes are those of all splits, so that each has the same index in all.

    Raises:
        ValueError: The folder has no such videos.
    """
    paths = [
        path
        for path in storage.list_files(source)
        if "/" in path and path.lower().endswith(_EXTENSIONS)
    ]
    if not paths:
        raise ValueError(
            "The source must be a CSV file, a folder with CSV files or with one folder of videos "
            f"for each class, or Something-Something with its label files. Received: {source}"
        )
    folders = {path.split("/")[0] for path in paths}
    by_split = folders <= set(_SPLITS) and all(path.count("/") > 1 for path in paths)
    where = 1 if by_split else 0  # Of the class in a path.
    class_names = read_class_names(source, {path.split("/")[where] for path in paths}, labels)
    index = {name: number for number, name in enumerate(class_names)}
    videos = [
        Video(path, path, index[path.split("/")[where]])
        for path in paths
        if not by_split or _SPLITS[path.split("/")[0]] == split
    ]
    name = posixpath.basename(source)
    return VideoList(name, split, "videos in folders of classes", source, class_names, videos)
