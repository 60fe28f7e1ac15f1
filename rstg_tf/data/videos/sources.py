"""Datasets of videos as they are found on disk: which videos, of which classes."""

import collections
import os
import re

from rstg_tf.data import storage
from rstg_tf.data.videos import class_folders, csv_files, something_something
from rstg_tf.data.videos.file_names import check_split, shown

FORMATS = ("csv", "folders", "something-something-v1", "something-something-v2")


def list_videos(
    source, split, name=None, format=None, labels=None, videos=None, allow_outside=False
):
    """Lists the videos of one split of a local or remote source as a `VideoList`.

    The `list_split` of `csv_files`, `class_folders` and `something_something` say what a source may
    be; a `format` of None is what it looks like. `labels` is a file of class names, one a line, and
    `videos` the folder of the videos if it is not beside the lists; `allow_outside` lets paths and
    links lead out of it. Raises FileNotFoundError if something is missing, ValueError for a damaged
    list, an unknown class, a video listed twice or an empty split.
    """
    source = str(source).rstrip("/") or "/"
    split = check_split(split)
    if not storage.is_remote(source) and not os.path.exists(source):
        raise FileNotFoundError(
            f"There is no such file or folder of videos. Received: {shown(source)}"
        )
    if os.path.isfile(source) and not source.lower().endswith(".csv"):
        raise ValueError(f"A list of videos is a CSV file, NAME.csv. Received: {shown(source)}")
    chosen, format = format, format or _looks_like(source)
    if format not in FORMATS:
        raise ValueError(f"`format` must be one of {', '.join(FORMATS)}. Received: {format!r}")
    if format.startswith("something") and labels:
        raise ValueError(f"Something-Something has its own label file. Received: labels={labels}")
    if format == "csv":
        listed = csv_files.list_split(source, split, labels, videos, allow_outside)
    elif format == "folders":
        listed = class_folders.list_split(source, split, labels, allow_outside)
        if not chosen:
            something_something.check_none(listed, source)
    else:
        listed = something_something.list_split(source, format[-2:], split, videos)
    notes = listed.notes
    if len(listed.class_names) == 1:
        notes = (*notes, f"all videos are of one class, {shown(listed.class_names[0])}")
    listed = listed._replace(
        name=_file_name(name or listed.name or "videos"),
        root=str(videos or listed.root),
        notes=notes,
    )
    _check(listed, source)
    return listed


def _looks_like(source):
    if source.lower().endswith(".csv") and not os.path.isdir(source):
        return "csv"
    version = something_something.find_version(source)
    if version:
        return f"something-something-{version}"
    if csv_files.find(source):
        return "csv"
    # Where there is nothing but a CSV file, its reader says what is wrong with it.
    alone = csv_files.all_csv_files(source) and not class_folders.has_videos(source)
    return "csv" if alone else "folders"


def _file_name(name):
    """Returns what a dataset of this name is called in the names of files."""
    return re.sub(r"[^A-Za-z0-9_.-]+", "_", name).strip("._") or "videos"


def _check(listed, source):
    if not listed.videos:
        raise ValueError(f"The {listed.split} split has no videos. Received: {source}")
    counts = collections.Counter(video.media_id for video in listed.videos)
    twice, count = counts.most_common(1)[0]
    if count > 1:
        raise ValueError(f"A video is listed {count} times: {shown(twice)}. Received: {source}")
