"""The video files that a command line names."""

import glob
import pathlib

SUFFIXES = (
    ".avi",
    ".gif",
    ".m4v",
    ".mkv",
    ".mov",
    ".mp4",
    ".mpg",
    ".mpeg",
    ".ogv",
    ".webm",
    ".wmv",
)


def find_videos(names):
    """Finds video files.

    Args:
        names: paths of files, of folders (all files in and below that end like a video), and
            patterns with the wildcards of the shell, `**` for any folders.

    Returns:
        List of `pathlib.Path`, each once, in the order of `names`, sorted within a folder or
        pattern.

    Raises:
        FileNotFoundError: a name stands for no file.
    """
    found = {}
    for name in map(str, names):
        path = pathlib.Path(name)
        if path.is_file():
            files = [path]
        elif path.is_dir():
            files = [file for file in sorted(path.rglob("*")) if _is_video(file)]
        else:
            files = [pathlib.Path(file) for file in sorted(glob.glob(name, recursive=True))]
            files = [file for file in files if file.is_file()]
        if not files:
            raise FileNotFoundError(
                "Videos are files, folders that hold some (*.webm, *.mp4, ...) or patterns. "
                f"Received: {name!r}, which names none"
            )
        found.update(dict.fromkeys(files))
    return list(found)


def _is_video(path):
    return path.suffix.lower() in SUFFIXES and path.is_file()
