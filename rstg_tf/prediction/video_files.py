"""The video files that a command line names."""

import glob
import os
import pathlib

from rstg_tf.data import storage
from rstg_tf.data.videos.file_names import is_leftover, is_video
from rstg_tf.text import printable


def find_videos(names, left_out=None, but=None):
    """Finds video files.

    Args:
        names: paths of files, of folders (all files in and below that end like a video), and
            patterns with the wildcards of the shell, `**` for any folders. Of what folders and
            patterns hold, `is_leftover` and `is_video` say what is taken; a file that is named
            itself is taken whatever it is called, and so are those of a pattern that ends as no
            video does, as `*.dat`.
        left_out: list to which the files of folders and patterns that are no videos are added.
        but: folder whose files are taken only where they are named themselves.

    Returns:
        List of `pathlib.Path`, each once, in the order of `names`, sorted within a folder or
        pattern.

    Raises:
        FileNotFoundError: a name stands for no file.
        OSError: a folder can't be read.
    """
    found = {}
    for name in map(str, names):
        path, others = pathlib.Path(name), []
        if path.is_file():
            files = [path]
        else:
            files, others = _in_folder(path) if path.is_dir() else _of_pattern(name)
            files = [file for file in files if but is None or not _is_below(file, but)]
        if not files:
            endings = sorted({file.suffix.lower() for file in others})
            raise FileNotFoundError(
                "Videos are files, folders that hold some (*.webm, *.mp4, ...) or patterns. "
                f"Received: {printable(name)!r}, which names none"
                + (f", only {', '.join(map(printable, endings[:6]))}" if endings else "")
            )
        found.update(dict.fromkeys(files))
        if left_out is not None:
            left_out += others
    return list(found)


def _in_folder(folder):
    """Returns the videos in and below a folder, and its other files."""
    files = [pathlib.Path(folder, name) for name in storage.list_files(folder, skip=is_leftover)]
    return _parted(files, lambda file: is_video(file.name))


def _of_pattern(pattern):
    ending = os.path.splitext(pattern)[1]
    any_ending = bool(ending) and not glob.has_magic(ending)
    files = [pathlib.Path(file) for file in sorted(glob.glob(pattern, recursive=True))]
    files = [file for file in files if file.is_file() and not is_leftover(file.name)]
    return _parted(files, lambda file: any_ending or is_video(file.name))


def _parted(files, wanted):
    return [file for file in files if wanted(file)], [file for file in files if not wanted(file)]


def _is_below(file, folder):
    return pathlib.Path(folder).resolve() in file.resolve().parents
