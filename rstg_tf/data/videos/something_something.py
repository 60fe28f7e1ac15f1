"""Something-Something, both versions, as it is downloaded."""

import csv
import io
import os
import re

from rstg_tf import checked_json
from rstg_tf.data import storage
from rstg_tf.data.videos.file_names import frames_in_order, is_leftover, shown, why_not
from rstg_tf.data.videos.video_list import Video, VideoList, check_class_names, read_text
from rstg_tf.text import check_class_name

_FRAME_RATE = 12.0  # Of the frames of version 1.
_PROBED = 20
# As version 2 is distributed, and as people encode it again.
_ENDINGS = (".webm", ".mp4", ".mkv", ".avi", ".mov", ".WEBM", ".MP4")
_LISTS_MAY_BE_IN = re.compile("label|annotation|list|split|json|csv|something", re.IGNORECASE)
_VIDEOS = re.compile(r"20bn-something-something-v[12]", re.IGNORECASE)


def find_version(source):
    """Returns which version's label file a folder holds, `"v1"` or `"v2"`, or None."""
    return next((version for version in ("v1", "v2") if _find(source, version, "labels")), None)


def check_none(listed, source):
    """Raises ValueError if class folders look like Something-Something without its labels."""
    names = [*listed.class_names, *storage.list_files(source, below=False, skip=is_leftover)]
    lists = r"(20bn-)?something-?something.*|(train|validation|test)\.json"
    found = [name for name in names if re.fullmatch(lists, name, re.IGNORECASE)]
    if found:
        raise ValueError(
            f"The source looks like Something-Something ({', '.join(map(shown, found[:4]))}), but "
            "its file of labels (labels.json, something-something-v2-labels.json or "
            "something-something-v1-labels.csv) is missing or called otherwise; --format=folders "
            f"takes it for folders of classes. Received: {source}"
        )


def list_split(source, version, split, videos=None):
    """Lists the videos of one split of `"v1"` or `"v2"`; classes are in the label file's order.

    The source, or its folder `labels`, has `something-something-VERSION-{labels,train,...}`: `.csv`
    with lines `ID;TEMPLATE` (v1), or `.json`, also without the prefix (v2), whose test split needs
    `test-answers.csv`, lines `ID;CLASS`. Videos, `ID/00001.jpg` (v1) or `ID.webm` or `.mp4` (v2),
    are in `videos`, or by default in `20bn-something-something-VERSION`, `videos` or the source.
    Raises FileNotFoundError if something is missing, ValueError if it is damaged or has no labels.
    """
    read = _read_v1 if version == "v1" else _read_v2
    class_names, labelled = read(source, split)
    index = {name: number for number, name in enumerate(class_names)}
    listed = []
    for media_id, template in labelled:
        name = _class_name(template)
        if name not in index:
            raise ValueError(
                f"The label file has no class {shown(name)!r}, which the {split} split gives to "
                f"video {shown(media_id)}. Received: {source}"
            )
        reason = "it is no name" if "/" in media_id else why_not(source, media_id)
        if reason:
            raise ValueError(
                f"The {split} split lists a video {shown(media_id)!r}: {reason}. Received: {source}"
            )
        listed.append(Video(media_id, media_id, index[name]))
    root, ending = _find_videos(source, version, listed, videos)
    return VideoList(
        f"something_something_{version}",
        split,
        f"Something-Something {version} (Qualcomm), which may not be redistributed",
        root,
        class_names,
        [video._replace(path=video.path + ending) for video in listed],
        _FRAME_RATE if version == "v1" else None,
    )


def _read_v1(source, split):
    path = _needed(source, "v1", "labels")
    class_names = [_class_name(row[0]) for _, row in _semicolons(path, cells=1)]
    _check_class_names(class_names, path)
    path = _needed(source, "v1", split)
    return class_names, _pairs(path, split)


def _read_v2(source, split):
    path = _needed(source, "v2", "labels")
    stored = checked_json.parse(storage.read(path), {str: (str, int)}, "The label file", path)
    try:
        indices = {_class_name(name): int(number) for name, number in stored.items()}
        if sorted(indices.values()) != list(range(len(indices))):
            raise ValueError(f"its numbers are not 0 ... {len(indices) - 1}")
    except ValueError as error:
        raise ValueError(f"The label file is damaged ({error}). Received: {path}") from error
    class_names = sorted(indices, key=indices.get)
    _check_class_names(class_names, path)
    answers = _find(source, "v2", f"{split}-answers", "csv")
    if answers:
        return class_names, _pairs(answers, split)
    path = _needed(source, "v2", split)
    form = [{"id": (str, int), checked_json.Optional("template"): (str, None)}]
    stored = checked_json.parse(storage.read(path), form, "The list of videos", path)
    rows = [(str(row["id"]), row.get("template")) for row in stored]
    if any(template is None for _, template in rows):
        raise _no_labels(split, path)
    return class_names, rows


def _check_class_names(names, path):
    check_class_names(names, path)
    for name in names:
        check_class_name(name, path)


def _pairs(path, split):
    rows = [row for _, row in _semicolons(path, cells=2)]
    if any(len(row) < 2 or not row[1] for row in rows):
        raise _no_labels(split, path)
    return [(row[0], row[1]) for row in rows]


def _no_labels(split, path):
    return ValueError(
        f"The {split} split gives no class to some of its videos, so it can be neither trained on "
        f"nor evaluated. Received: {path}"
    )


def _semicolons(path, cells):
    """Yields `(line, row)` of a file whose lines have at most so many cells."""
    rows = csv.reader(io.StringIO(read_text(path), newline=""), delimiter=";", strict=True)
    line = 1
    try:
        for row in rows:
            if len(row) > cells:
                raise ValueError(f"it has {len(row)} cells, not {cells}")
            if any(row):
                yield line, [cell.strip() for cell in row]
            line = rows.line_num + 1
    except (csv.Error, ValueError) as error:
        raise ValueError(f"Line {line} is damaged ({error}). Received: {path}") from error


def _class_name(template):
    return template.replace("[", "").replace("]", "")


def _find(source, version, what, extension=None):
    """Returns the path of a label file, whose name may have any case, or None."""
    extension = extension or ("csv" if version == "v1" else "json")
    names = [f"something-something-{version}-{what}.{extension}"]
    if version == "v2":
        names.append(f"{what}.{extension}")
    for folder in _folders_of_lists(source):
        for name in storage.list_files(folder, below=False, skip=is_leftover):
            if name.lower() in names:
                return storage.join(folder, name)
    return None


def _folders_of_lists(source):
    if storage.is_remote(source):
        return [source, storage.join(source, "labels")]
    folders = [
        name
        for name in sorted(os.listdir(source))
        if _LISTS_MAY_BE_IN.search(name) and not _VIDEOS.fullmatch(name) and not is_leftover(name)
    ]
    return [source, *(storage.join(source, name) for name in folders)]


def _needed(source, version, what):
    path = _find(source, version, what)
    if path is None:
        extension = "csv" if version == "v1" else "json"
        raise FileNotFoundError(
            f"Something-Something {version} lacks its file of {what} "
            f"(something-something-{version}-{what}.{extension}"
            f"{f' or {what}.json' if version == 'v2' else ''}); if it is another data set, "
            f"--format=folders or --format=csv says so. Received: {source}"
        )
    return path


def _find_videos(source, version, listed, videos):
    """Returns the folder in which one of the first videos is found, and the ending there."""
    places = [f"20bn-something-something-{version}", "videos"]
    folders = [videos] if videos else [*(storage.join(source, p) for p in places), source]
    for folder in map(str, folders):
        for video in listed[:_PROBED]:
            path = storage.join(folder, video.path)
            if version == "v1" and frames_in_order(storage.list_files(path, below=False)):
                return folder, ""
            if version == "v2":
                for ending in _ENDINGS:
                    if storage.size(path + ending) is not None:
                        return folder, ending
    kind = "a folder of JPEG frames" if version == "v1" else f"a file {', '.join(_ENDINGS[:5])}"
    first = listed[0].path + ("" if version == "v1" else ".webm") if listed else "(none)"
    raise FileNotFoundError(
        f"None of the first videos of the list, as {first}, is there ({kind} each). "
        f"Received: {', '.join(map(str, folders))}"
    )
