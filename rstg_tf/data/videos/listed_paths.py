"""The paths of a data set's videos: below the source, and each file once."""

import collections
import functools
import os
import re

from rstg_tf.data import storage
from rstg_tf.data.videos.file_names import shown

_URL = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://|file:", re.IGNORECASE)
_WINDOWS = re.compile(r"[A-Za-z]:[\\/]|\\\\")
_TOLD = 3


def why_not(root, path, allow_outside=False):
    """Returns why a list can't give a video this path, in words, or None.

    A list of a stranger's must not read other files than those that came with it.

    Args:
        root: folder that paths start from, local or a URL.
        path: as the list has it.
        allow_outside: whether it may lead out of `root`.
    """
    if not path or re.search(r"[\0\n\r]", path):
        return "it must be one line of text"
    if path.startswith("~") and "/" in path:
        return "~ stands for no folder here; write the folder out"
    if _WINDOWS.match(path):
        return "it is a path of Windows; paths are relative to the list, with /"
    if _URL.match(path):
        return _why_not_url(root, path, allow_outside)
    if storage.is_remote(root):
        leads_out = path.startswith("/") or ".." in path.split("/")
        return "it leads out of the source, which is remote" if leads_out else None
    whole = os.path.join(root, path)
    if "\\" in path and not os.path.exists(whole):
        return "folders are parted by /, not by a backslash"
    if allow_outside or is_below(whole, root):
        return None
    return "it leads out of the folder of the videos; --allow-outside allows that"


def _why_not_url(root, path, allow_outside):
    if not path.startswith(("s3://", "gs://")):
        return "videos are read from folders, s3:// and gs:// only; download it"
    below = path.startswith(str(root).rstrip("/") + "/") and ".." not in path.split("/")
    if below or allow_outside:
        return None
    return "it leads out of the folder of the videos; --allow-outside allows that"


def is_below(path, root):
    """Returns whether a local path stays in a folder, wherever links on its way lead."""
    folder, name = os.path.split(path)
    real = os.path.join(_real(folder), name)
    if name in ("", ".", "..") or os.path.islink(real):
        real = os.path.realpath(real)
    return os.path.commonpath([_real(root), real]) == _real(root)


@functools.lru_cache(maxsize=100_000)
def _real(folder):
    return os.path.realpath(folder)


def each_file_once(root, placed):
    """Leaves out the further names of a file: links to it, symbolic or hard.

    Args:
        root: folder that paths start from.
        placed: list of `(path, split, class)`; where the list knows no splits, `split` is None.

    Returns:
        `(kept, notes)`: the list without further names of a file in one class of one split, its
        own name kept where it has one that is no link; and what to say of those, and of files
        that are in several classes or splits, which stay.
    """
    by_file = collections.defaultdict(list)
    for number, (path, *_) in enumerate(placed):
        by_file[_file(root, path)].append(number)
    dropped, once, several = set(), [], []
    for numbers in by_file.values():
        if len(numbers) < 2:
            continue
        numbers.sort(key=lambda number: (_is_link(root, placed[number][0]), placed[number]))
        first = {}
        for number in numbers:
            kept = first.setdefault(placed[number][1:], number)
            # A list that names one path twice is told as an error.
            if kept != number and placed[kept][0] != placed[number][0]:
                dropped.add(number)
                once.append((placed[number][0], placed[kept][0]))
        if len(first) > 1:
            several.append([placed[number] for number in first.values()])
    notes = []
    if once:
        pairs = ", ".join(f"{shown(name)} is {shown(kept)}" for name, kept in once[:_TOLD])
        notes.append(f"{len(once)} names of files that have another one are passed over: {pairs}")
    if several:
        cases = "; ".join(", ".join(map(_with_place, case)) for case in several[:_TOLD])
        notes.append(f"{len(several)} files are in several classes or splits: {cases}")
    return [each for number, each in enumerate(placed) if number not in dropped], notes


def _file(root, path):
    if not storage.is_remote(root) and not storage.is_remote(path):
        try:
            found = os.stat(os.path.join(root, path))
            return found.st_dev, found.st_ino
        except (OSError, ValueError):  # It is missing, which is told when it is read.
            pass
    return path


def _is_link(root, path):
    return not storage.is_remote(root) and os.path.realpath(os.path.join(root, path)) != (
        os.path.join(_real(root), path)
    )


def _with_place(placed):
    path, split, label = placed
    return f"{shown(path)} ({f'{split}, ' if split else ''}{shown(label)})"
