"""The video files and cameras that a command line names, and their frames."""

import glob
import os
import pathlib
import time
from collections.abc import Iterable

from rstg_tf.data import storage
from rstg_tf.data.videos.decoding import VideoError, VideoLimits, VideoReader, check_wanted
from rstg_tf.data.videos.file_names import is_leftover, is_video
from rstg_tf.data.videos.pictures import scaled_size
from rstg_tf.text import printable

_CAMERA = "camera:"


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
            if but is not None:
                there = pathlib.Path(but).resolve()
                files = [file for file in files if there not in file.resolve().parents]
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


def find_sources(
    names: Iterable[str | os.PathLike], cameras: bool = False
) -> list[pathlib.Path | str]:
    """As `find_videos` for what a command line names; `camera:N` stays as it is.

    Raises a ValueError for a camera where none may be named, or without a number.
    """
    found = []
    for name in map(str, names):
        if not name.startswith(_CAMERA):
            found += find_videos([name])
        elif not cameras or not name.removeprefix(_CAMERA).isdigit():
            raise ValueError(f"A camera is named camera:N, to stream it. Received: {name!r}")
        else:
            found.append(name)
    return found


def read_frames(source, short_side, frame_rate=None, limits=VideoLimits()):  # noqa: B008
    """Yields the frames of a video file or `camera:N`, scaled down, uint8 `[h, w, 3]`.

    The shorter side becomes `short_side` pixels. With a `frame_rate` per second, frames of a camera
    that come too early are left out. Raises a `VideoError` where there is no such
    camera, or it is no video or a damaged one.
    """
    if str(source).startswith(_CAMERA):
        yield from _camera_frames(source, short_side, frame_rate)
        return
    with VideoReader(source, frame_rate, short_side, limits=limits) as reader:
        yield from reader


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


def _camera_frames(source, short_side, frame_rate):
    import cv2

    check_wanted(frame_rate, short_side)
    camera = cv2.VideoCapture(int(source.removeprefix(_CAMERA)))
    try:
        if not camera.isOpened():
            raise VideoError("there is no such camera", source)
        due = time.monotonic()
        while True:
            there, image = camera.read()
            if not there:
                return
            if frame_rate is not None:
                if time.monotonic() < due:
                    continue
                due = max(due, time.monotonic() - 1 / frame_rate) + 1 / frame_rate
            size = scaled_size(*image.shape[:2], short_side)
            image = cv2.resize(image, size[::-1], interpolation=cv2.INTER_AREA)
            yield cv2.cvtColor(image, cv2.COLOR_BGR2RGB)
    finally:
        camera.release()
