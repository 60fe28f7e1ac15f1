"""Where a stream of frames comes from: video files and cameras."""

import time

from rstg_tf.data.videos.decoding import VideoError, VideoLimits, VideoReader, check_wanted
from rstg_tf.data.videos.pictures import scaled_size
from rstg_tf.prediction.video_files import find_videos

_CAMERA = "camera:"


def find_sources(names, cameras=False):
    """Finds what a command line names.

    Args:
        names: as in `rstg_tf.prediction.find_videos`, and `camera:N`.
        cameras: whether cameras may be named.

    Returns:
        List of paths, and of `camera:N` as they are.

    Raises:
        FileNotFoundError: a name stands for no file.
        ValueError: a camera where none may be named, or without a number.
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
    """Yields the frames of a video file or camera, scaled down.

    Args:
        source: path of a file, or `camera:N` for the camera of that number.
        short_side: pixels of the shorter side.
        frame_rate: frames per second; all by default. Of a camera, frames that come too early are
            left out.
        limits: `VideoLimits` of a file.

    Yields:
        uint8 `[h, w, 3]`.

    Raises:
        ValueError: there is no such camera, or it is no video or a damaged one; a `VideoError`.
    """
    if str(source).startswith(_CAMERA):
        yield from _camera_frames(source, short_side, frame_rate)
        return
    with VideoReader(source, frame_rate, short_side, limits=limits) as reader:
        yield from reader


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
