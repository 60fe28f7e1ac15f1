"""Something-Something, both versions, as it is downloaded."""

import csv
import io
import json

from rstg_tf.data import storage
from rstg_tf.data.videos.video_list import Video, VideoList, check_class_names, read_text

_FRAME_RATE = 12.0  # Of the frames of version 1.
_PROBED = 20


def find_version(source):
    """Returns which version's label file a folder holds, `"v1"` or `"v2"`, or None."""
    return next((version for version in ("v1", "v2") if _find(source, version, "labels")), None)


def list_split(source, version, split, videos=None):
    """Lists the videos of one split.

    Args:
        source: Folder with the label files (or with a folder `labels` of them):

            - v1: `something-something-v1-{labels,train,validation,test}.csv`, lines `ID;TEMPLATE`;
            - v2: `{labels,train,validation,test}.json`, or
              `something-something-v2-{labels,train,validation,test}.json`, and, where it was
              distributed, `test-answers.csv`, lines `ID;CLASS`.
        version: `"v1"` or `"v2"`.
        split: `"train"`, `"validation"` or `"test"`.
        videos: Folder of `ID/00001.jpg`, ... (v1) or `ID.webm` (v2); by default the folder
            `20bn-something-something-VERSION`, `videos`, or the source itself.

    Returns:
        `VideoList`; class names are the templates without brackets, in the order of the label
        file.

    Raises:
        FileNotFoundError: A label file, or the folder of the videos, is missing.
        ValueError: A label file is damaged, or the split has no labels.
    """
    read = _read_v1 if version == "v1" else _read_v2
    class_names, labelled = read(source, split)
    index = {name: number for number, name in enumerate(class_names)}
    suffix = "" if version == "v1" else ".webm"
    listed = []
    for media_id, template in labelled:
        name = _class_name(template)
        if name not in index:
            raise ValueError(
                f"The label file has no class {name!r}, which the {split} split gives to video "
                f"{media_id}. Received: {source}"
            )
        listed.append(Video(media_id, media_id + suffix, index[name]))
    return VideoList(
        f"something_something_{version}",
        split,
        f"Something-Something {version} (Qualcomm), which may not be redistributed",
        _find_videos(source, version, listed, videos),
        class_names,
        listed,
        _FRAME_RATE if version == "v1" else None,
    )


def _read_v1(source, split):
    path = _needed(source, "v1", "labels")
    class_names = [_class_name(row[0]) for row in _semicolons(path)]
    check_class_names(class_names, path)
    path = _needed(source, "v1", split)
    return class_names, _pairs(path, split)


def _read_v2(source, split):
    path = _needed(source, "v2", "labels")
    try:
        indices = {_class_name(name): int(n) for name, n in json.loads(read_text(path)).items()}
        if sorted(indices.values()) != list(range(len(indices))):
            raise ValueError(f"its numbers are not 0 ... {len(indices) - 1}")
    except (ValueError, AttributeError, TypeError) as error:
        raise ValueError(f"The label file is damaged ({error}). Received: {path}") from error
    class_names = sorted(indices, key=indices.get)
    check_class_names(class_names, path)
    answers = _find(source, "v2", f"{split}-answers", "csv")
    if answers:
        return class_names, _pairs(answers, split)
    path = _needed(source, "v2", split)
    try:
        rows = [(str(row["id"]), row.get("template")) for row in json.loads(read_text(path))]
    except (ValueError, KeyError, AttributeError, TypeError) as error:
        raise ValueError(f"The list of videos is damaged ({error!r}). Received: {path}") from error
    if any(template is None for _, template in rows):
        raise _no_labels(split, path)
    return class_names, rows


def _pairs(path, split):
    rows = list(_semicolons(path))
    if any(len(row) < 2 or not row[1] for row in rows):
        raise _no_labels(split, path)
    return [(row[0], row[1]) for row in rows]


def _no_labels(split, path):
    return ValueError(
        f"The {split} split gives no class to some of its videos, so it can be neither trained on "
        f"nor evaluated. Received: {path}"
    )


def _semicolons(path):
    for row in csv.reader(io.StringIO(read_text(path), newline=""), delimiter=";"):
        if row:
            yield [cell.strip() for cell in row]


def _class_name(template):
    return template.replace("[", "").replace("]", "")


def _find(source, version, what, extension=None):
    """Returns the path of a label file, or None."""
    extension = extension or ("csv" if version == "v1" else "json")
    names = [f"something-something-{version}-{what}.{extension}"]
    if version == "v2":
        names.append(f"{what}.{extension}")
    places = [(name,) for name in names] + [("labels", name) for name in names]
    paths = [storage.join(source, *place) for place in places]
    return next((path for path in paths if storage.size(path) is not None), None)


def _needed(source, version, what):
    path = _find(source, version, what)
    if path is None:
        raise FileNotFoundError(
            f"Something-Something {version} lacks its file of {what} "
            f"(something-something-{version}-{what}.*). Received: {source}"
        )
    return path


def _find_videos(source, version, listed, videos):
    """Returns the folder in which one of the first videos is found."""
    places = [f"20bn-something-something-{version}", "videos"]
    folders = [videos] if videos else [*(storage.join(source, p) for p in places), source]
    first = "00001.jpg" if version == "v1" else None
    for folder in folders:
        for video in listed[:_PROBED]:
            path = storage.join(folder, video.path, *([first] if first else []))
            if storage.size(path) is not None:
                return folder
    raise FileNotFoundError(
        f"None of the first videos of the list, as {listed[0].path if listed else '(none)'}, is "
        f"there. Received: {', '.join(folders)}"
    )
