"""What the names of people's files and folders say: which are data, and of which split."""

import collections
import posixpath
import re

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


def is_leftover(name):
    """Returns whether a file or folder is none of a person's data, whatever is in it.

    Hidden ones, and what systems, editors and browsers leave behind: `.git`, `._a.mp4`,
    `__MACOSX`, `Thumbs.db`, `@eaDir`, `lost+found`, `~$notes`, `a.mp4.crdownload`.

    Args:
        name: of the file or folder alone, without those above it.
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
    """Returns which files of a folder are the frames of a video, JPEG by their endings, in order.

    Names are numbers, which need not have the same number of digits.
    """
    names = [name for name in names if _ending(name) in _FRAME_ENDINGS and not is_leftover(name)]
    return sorted(names, key=lambda name: (len(posixpath.splitext(name)[0]), name))


def split_called(name):
    """Returns the split that a folder, a file or a word means, or None.

    Any case, and the words that people use: `"train"` (training), `"validation"` (val, valid,
    dev), `"test"` (testing).
    """
    return _MEANING.get(name.strip().casefold())


def is_like_a_split(name):
    """Returns whether a name sounds as a split, known or not: `test_videos`, `eval`, `Train2`."""
    return _LIKE_A_SPLIT.fullmatch(name.strip().casefold()) is not None


def check_split(name):
    """Returns the name of the split that is meant by a word; another one stands for itself.

    Raises:
        ValueError: it is no name of a split, or may mean several.
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
    """Returns what to say of files that were left out: how many of each ending, and a few names.

    Example:
        >>> left_out(["a/notes.txt", "b.xyz"])
        'left out: 1 .txt (a/notes.txt), 1 .xyz (b.xyz)'
    """
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
