"""What the names of people's files and folders say: which are data, and of which split."""

import collections
import functools
import os
import posixpath
import re

from rstg_tf.data import storage
from rstg_tf.text import printable

# Of the containers and streams of video that `VideoReader` lets FFmpeg read.
VIDEO_ENDINGS = frozenset(
    {
        *(".webm", ".mp4", ".m4v", ".mov", ".qt", ".avi", ".divx", ".mkv", ".mk3d", ".gif"),
        *(".apng", ".mpg", ".mpeg", ".mpe", ".mpv", ".m1v", ".m2v", ".m2p", ".m2t", ".m2ts"),
        *(".mts", ".ts", ".tp", ".trp", ".vob", ".evo", ".wmv", ".asf", ".flv", ".f4v", ".3gp"),
        *(".3gpp", ".3g2", ".3gp2", ".ogv", ".ogm", ".rm", ".rmvb", ".mxf", ".dv", ".dif"),
        *(".nut", ".ivf", ".y4m", ".h261", ".h263", ".h264", ".h26l", ".264", ".avc", ".h265"),
        *(".hevc", ".265", ".h266", ".vvc", ".266", ".obu", ".vc1", ".mjpg", ".mjpeg", ".mj2"),
        *(".ismv", ".insv", ".amv"),
    }
)
_FRAME_ENDINGS = (".jpg", ".jpeg")

# What systems and tools leave behind, in lower case; names that begin with a dot need no list.
_LEFTOVERS = frozenset(
    {
        *("__macosx", "icon\r", "network trash folder", "temporary items"),  # macOS
        *("thumbs.db", "ehthumbs.db", "ehthumbs_vista.db", "desktop.ini", "autorun.inf"),  # Windows
        *("$recycle.bin", "recycler", "recycled", "system volume information", "found.000"),
        *("@eadir", "@tmp", "@recycle", "@recently-snapshot", "#recycle", "#snapshot"),  # Servers
        *("lost+found", "__pycache__"),
    }
)
_BEGINNINGS = (".", "~$")
_BACKUPS = ("~", ".bak", ".swp", ".swo", ".orig", ".rej", ".tmp", ".temp")
_HALF = (".part", ".partial", ".crdownload", ".download", ".opdownload", ".filepart", ".ytdl")
# What this package writes, where its output lies in the source.
_OURS = re.compile(
    r"unfinished-\w+|dataset_info\.json|failures\.csv|contact_sheet\.png|.*\.tfrecord|"
    r".*\.[0-9a-f]{16}\.part"
)

_SPLITS = {
    "train": ("train", "training", "trn"),
    "validation": ("validation", "validate", "valid", "val", "dev", "development"),
    "test": ("test", "testing", "tst"),
}
_MEANING = {word: split for split, words in _SPLITS.items() for word in words}
_UNCLEAR = ("eval", "evaluation", "evaluate")
_WORDS = "|".join([*_MEANING, *_UNCLEAR, "holdout", "held[ _-]?out", "train[ _-]?val"])
_THINGS = "sets?|splits?|data|datasets?|videos?|clips?|files?|frames?|images?|samples?"
_LIKE_A_SPLIT = re.compile(
    rf"({_WORDS})([ _.-]*({_THINGS}|[0-9]+|old|new|all))*|({_THINGS})[ _.-]+({_WORDS})"
)

_NAMED = 3
_ENDINGS_NAMED = 12
_URL = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://|file:", re.IGNORECASE)
_WINDOWS = re.compile(r"[A-Za-z]:[\\/]|\\\\")
_TOLD = 3


def is_leftover(name):
    """Returns whether a file or folder of this name, without its path, can't be a person's data.

    It is hidden, or left behind by systems, editors and browsers: `.git`, `._a.mp4`, `__MACOSX`,
    `Thumbs.db`, `@eaDir`, `lost+found`, `~$notes`, `a.mp4.crdownload`.
    """
    lower = name.casefold()
    return (
        lower in _LEFTOVERS
        or lower.startswith(_BEGINNINGS)
        or lower.endswith(_BACKUPS)
        or lower.endswith(_HALF)
        or (lower.startswith("#") and lower.endswith("#"))
        or _OURS.fullmatch(name) is not None
    )


def is_video(name):
    """Returns whether a file is called like a video; its ending decides, in any case."""
    return _ending(name) in VIDEO_ENDINGS


def frames_in_order(names):
    """Returns the JPEG files among the names in a folder, in the order of their numbers."""
    names = [name for name in names if _ending(name) in _FRAME_ENDINGS and not is_leftover(name)]
    return sorted(names, key=lambda name: (len(posixpath.splitext(name)[0]), name))


def split_called(name):
    """Returns the split that a word such as `Training`, `val` or `testing` means, or None."""
    return _MEANING.get(name.strip().casefold())


def is_like_a_split(name):
    """Returns whether a name sounds as a split, known or not: `test_videos`, `eval`, `Train2`."""
    return _LIKE_A_SPLIT.fullmatch(name.strip().casefold()) is not None


def check_split(name):
    """Returns the split that a word means; another word stands for itself.

    Raises ValueError if it can't name a split or may mean several.
    """
    called = split_called(name)
    if called is None and name.strip().casefold() in _UNCLEAR:
        raise ValueError(
            f"A split must be called train, validation or test. Received: {printable(name)!r}, "
            "which may mean more than one of them"
        )
    if called is None and not re.fullmatch(r"[A-Za-z0-9_]+", name):
        raise ValueError(f"A split's name is letters and digits. Received: {printable(name)!r}")
    return called or name


def in_unicode(path):
    """Returns a path in which bytes that are not UTF-8 stand as `\\xe9`."""
    try:
        return path.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    except UnicodeEncodeError:  # Half a character, which no file system gives.
        return path.encode("utf-8", "backslashreplace").decode("utf-8")


def left_out(paths):
    """Returns what to say of files left out, such as `left out: 1 .txt (a/notes.txt)`."""
    by_ending = collections.defaultdict(list)
    for path in paths:
        by_ending[_ending(path)].append(path)
    said = []
    for ending, found in sorted(by_ending.items(), key=lambda item: (-len(item[1]), item[0])):
        names = [shown(path) for path in sorted(found)[:_NAMED]]
        names += ["..."] if len(found) > _NAMED else []
        what = printable(in_unicode(ending)) or "without an ending"
        said.append(f"{len(found):,} {what} ({', '.join(names)})")
    more = said[_ENDINGS_NAMED:]
    said = said[:_ENDINGS_NAMED] + ([f"and {len(more)} more endings"] if more else [])
    return f"left out: {', '.join(said)}"


def shown(path):
    """Returns a path of a stranger's for a terminal: in one line, and not too long a one."""
    text = printable(in_unicode(path))
    return text if len(text) <= 120 else f"{text[:60]}...{text[-57:]}"


def _ending(name):
    ending = posixpath.splitext(name)[1].lower()
    return ending if len(ending) <= 20 else ""


def why_not(root, path, allow_outside=False):
    """Returns in words why a list can't give a video this path, or None.

    A stranger's list must not read other files than those below `root`, a path or a URL.
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
    """Returns a list of `(path, split, class)` without further names of a file, and notes.

    Links, symbolic or hard, to a file in the same class and split go, and its own name stays. Files
    in several classes or splits stay. `split` may be None.
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
