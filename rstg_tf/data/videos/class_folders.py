"""Datasets whose videos lie in one folder for each class."""

import collections
import posixpath

from rstg_tf.data import storage
from rstg_tf.data.videos.file_names import (
    each_file_once,
    in_unicode,
    is_below,
    is_leftover,
    is_like_a_split,
    is_video,
    left_out,
    shown,
    split_called,
)
from rstg_tf.data.videos.video_list import (
    LABELS,
    Video,
    VideoList,
    alike,
    read_class_names,
    read_label_file,
)
from rstg_tf.text import check_class_name


def list_split(source, split, labels=None, allow_outside=False):
    """Lists the videos of one split of a folder of `CLASS/video.mp4` or `train/CLASS/video.mp4`.

    Without folders of splits, see `split_called`, it takes all videos. Classes are those of all
    splits, so that indices agree. Raises ValueError if there are no videos, links lead out of the
    folder without `allow_outside`, or it is unclear which folders are classes.
    """
    files = storage.list_files(source, skip=is_leftover)
    paths = _in_folders(files)
    if not paths:
        raise ValueError(
            "The source must be a CSV file, a folder with CSV files or with one folder of videos "
            f"for each class, or Something-Something with its label files. Received: {source}"
            + (f", where there is nothing else ({left_out(files)})" if files else "")
        )
    if not allow_outside:
        _check_below(source, paths)
    by_split, notes = _splits(source, paths, _known_classes(source, labels))
    if by_split:
        placed = [
            (path, by_split[path.split("/")[0]], path.split("/")[1])
            for path in paths
            if path.split("/")[0] in by_split and path.count("/") > 1
        ]
    else:
        placed = [(path, None, path.split("/")[0]) for path in paths]
    used = {label for *_, label in placed}
    for name in sorted(used):
        check_class_name(name, source)
    class_names = read_class_names(source, used, labels)
    placed, said = each_file_once(source, placed)
    index = {name: number for number, name in enumerate(class_names)}
    videos = [
        Video(path, path, index[label]) for path, where, label in placed if where in (None, split)
    ]
    if not videos:
        there = "; ".join([f"there are {', '.join(sorted(set(by_split.values())))}", *notes])
        raise ValueError(f"The {split} split has no videos ({there}). Received: {source}")
    notes = (*notes, *said, *alike(class_names), *_left_out(files, paths, by_split, used))
    what = "videos in folders of classes"
    return VideoList(
        posixpath.basename(source), split, what, source, class_names, videos, notes=notes
    )


def has_videos(source):
    """Returns whether there are videos in the folders below a folder."""
    return bool(_in_folders(storage.list_files(source, skip=is_leftover)))


def _in_folders(files):
    return [path for path in files if "/" in path and is_video(path) and _is_unicode(path)]


def _check_below(source, paths):
    """A folder of a stranger's must not read other files than those that came with it."""
    if storage.is_remote(source):
        return
    outside = [path for path in paths if not is_below(storage.join(source, path), source)]
    if outside:
        raise ValueError(
            f"Links lead {len(outside):,} of the videos, as {shown(outside[0])}, out of the "
            f"source; --allow-outside allows that. Received: {source}"
        )


def _known_classes(source, labels):
    """The classes that a label file names: a folder called so is a class whatever it means."""
    path = labels or storage.join(source, LABELS)
    return set(read_label_file(path)) if storage.size(path) is not None else set()


def _splits(source, paths, known):
    """Returns `({folder: split}, notes)`; no folders if those of the source are classes.

    Raises ValueError if they may be either.
    """
    depths = collections.defaultdict(set)  # Of folders: 1 where there are videos in them, 2 below.
    inside = collections.defaultdict(set)
    for path in paths:
        folder, *below = path.split("/")
        depths[folder].add(min(len(below), 2))
        inside[folder].update(below[:-1][:1])
    called = {folder: split_called(folder) for folder in depths if folder not in known}
    splits = {folder: split for folder, split in called.items() if split and 2 in depths[folder]}
    sounding = {folder for folder in called if is_like_a_split(folder)} - set(splits)
    classes = set(depths) - set(splits) - sounding
    if splits and not classes:
        twice = [s for s, n in collections.Counter(splits.values()).items() if n > 1]
        if twice:
            both = ", ".join(sorted(f for f, split in splits.items() if split == twice[0]))
            raise _unclear(source, f"several folders mean the {twice[0]} split: {both}")
        notes = []
        for folder in sorted(sounding):
            notes.append(f"the folder {shown(folder)} is left out: it is none of {_FORM}")
        return splits, notes
    if splits:
        raise _unclear(
            source,
            f"folders of splits ({_some(splits)}) lie beside others ({_some(classes)})",
        )
    if sounding and not classes:
        raise _unclear(source, f"its folders are called as splits ({_some(sounding)})")
    if sounding - {"train"}:  # There are trains in videos, too.
        raise _unclear(source, f"{_some(sounding)} lies beside folders of classes")
    for folder in sorted(classes):
        if inside[folder] and all(split_called(name) for name in inside[folder]):
            raise _unclear(source, f"the folder {shown(folder)} holds {_some(inside[folder])}")
    return {}, [f"the folder {folder} is taken for a class" for folder in sorted(sounding)]


_FORM = "train/CLASS/..., validation/CLASS/..., test/CLASS/..."


def _unclear(source, what):
    return ValueError(
        f"It is not clear which folders are splits and which are classes: {what}. Name them "
        f"{_FORM}, or CLASS/... only; a class that is called as a split must stand in {LABELS}. "
        f"Received: {source}"
    )


def _some(names):
    names = sorted(map(shown, names))
    return ", ".join(names[:4] + (["..."] if len(names) > 4 else []))


def _left_out(files, paths, by_split, used):
    """What to say of files that are no videos, or lie where no class is."""
    taken = set(paths)
    foreign = [path for path in files if path not in taken]
    misplaced = [path for path in foreign if is_video(path) and _is_unicode(path)]
    if by_split:
        misplaced += [path for path in paths if path.count("/") < 2]
    unnamed = [path for path in foreign if is_video(path) and not _is_unicode(path)]
    others = [path for path in foreign if not is_video(path) and path != LABELS]
    notes = []
    if unnamed:
        notes.append(f"names that are not UTF-8, rename them; {left_out(unnamed)}")
    if misplaced:
        notes.append(f"videos that lie in no folder of a class; {left_out(misplaced)}")
    if others:
        notes.append(left_out(others))
    where = 1 if by_split else 0
    folders = {path.split("/")[where] for path in others if path.count("/") > where}
    empty = folders - used - set(by_split)
    if empty:
        notes.append(f"folders without videos are no classes: {_some(empty)}")
    return notes


def _is_unicode(path):
    return in_unicode(path) == path
