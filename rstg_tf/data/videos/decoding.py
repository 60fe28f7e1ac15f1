"""Frames of video files, decoded by PyAV (FFmpeg)."""

import io
import os
from fractions import Fraction
from typing import NamedTuple

import numpy as np

# Matroska and WebM round times to milliseconds; without leave for it a frame shown from 0.417 s
# would be missed at 5/12 s.
_ROUNDING = Fraction(1, 1000)
# Files that tell how long they are, and end without an error where they were cut off.
_SILENT_WHEN_CUT = ("matroska,webm", "avi")
_CUT = 0.9


class VideoError(ValueError):
    """A video can't be decoded.

    Attributes:
        reason: What is wrong with it, without its name.
    """

    def __init__(self, reason, source):
        self.reason = reason
        super().__init__(f"The video can't be decoded: {reason}. Received: {source}")


class DecodedVideo(NamedTuple):
    """A whole video.

    Attributes:
        frames: uint8 `[T, H, W, 3]`, RGB.
        frame_rate: In frames per second.
    """

    frames: np.ndarray
    frame_rate: float


def decode_video(source, frame_rate=None, short_side=None):
    """Decodes a video file: webm, mp4, avi, mkv, gif and whatever else FFmpeg knows.

    Args:
        source: Path of a local file, or its bytes.
        frame_rate: Frames per second wanted; by default each frame of the file once.
        short_side: Pixels of the shorter side wanted; by default those of the file.

    Returns:
        `DecodedVideo`: `(frames, frame_rate)`; upright where the file says how it is to be turned.

    Raises:
        VideoError: There is no such file, it is no video, or it is damaged.
        ValueError: `frame_rate` or `short_side` is out of its range.

    Example:
        >>> frames, frame_rate = decode_video("pushing.webm", frame_rate=12, short_side=256)
    """
    with VideoReader(source, frame_rate, short_side) as reader:
        frames = np.stack(list(reader))
        return DecodedVideo(frames, reader.frame_rate)


class VideoReader:
    """Gives the frames of a video file one after the other, so that a film needs no memory.

    A context manager; it is read once.

    Args:
        source: As in `decode_video`.
        frame_rate: As in `decode_video`. The frame of time `t` is the one that a player would show
            then, whether or not the file has frames at even times; frames are left out or
            repeated. Times are the middles of the intervals of `1 / frame_rate`.
        short_side: As in `decode_video`.
        threads: Threads that decode; 0: one for each core.

    Attributes:
        frame_rate: Of the frames given; where none was asked for, it is known after the last.
        duration: In seconds; it is known after the last.

    Raises:
        VideoError: From here or from reading, as in `decode_video`.

    Example:
        >>> with VideoReader("pushing.webm", short_side=256) as reader:
        ...     for frame in reader:  # uint8 [H, W, 3]
        ...         show(frame)
    """

    def __init__(self, source, frame_rate=None, short_side=None, threads=0):
        import av

        check_wanted(frame_rate, short_side)
        self.frame_rate = frame_rate
        self.duration = None
        self._short_side = short_side
        self._name = "bytes" if isinstance(source, bytes) else os.fspath(source)
        self._errors = av.FFmpegError
        if not isinstance(source, bytes) and not os.path.isfile(source):
            raise VideoError("there is no such file", self._name)
        try:
            self._container = av.open(
                io.BytesIO(source) if isinstance(source, bytes) else self._name,
                metadata_errors="ignore",
            )
        except self._errors as error:
            raise VideoError(_first_line(error), self._name) from error
        self._stream = self._container.streams.best("video")
        if self._stream is None:
            self._container.close()
            raise VideoError("it holds no video", self._name)
        self._stream.codec_context.thread_count = threads
        if threads != 1:
            self._stream.thread_type = "AUTO"

    def __enter__(self):
        """Returns the reader."""
        return self

    def __exit__(self, *error):
        """Closes the file."""
        self._container.close()

    def __iter__(self):
        """Yields uint8 `[H, W, 3]`."""
        image, shown = None, None
        convert = _Converter(self._short_side)
        timed = self._timed()
        if self.frame_rate is not None:
            timed = at_rate(timed, self.frame_rate)
        for frame, _, _ in timed:
            if frame is not shown:  # Else it is given once more.
                image, shown = convert(frame), frame
            yield image

    def _timed(self):
        """Yields `(frame, begin, end)`: from when to when it is shown, in seconds."""
        count, first, begin, frame = 0, None, None, None
        for following in self._decoded():
            count += 1
            if following.pts is not None:
                time = following.pts * following.time_base
            else:
                time = Fraction(0) if begin is None else begin + self._interval()
            if frame is None:
                first = time
            else:
                yield frame, begin, time
            frame, begin = following, time
        if frame is None:
            raise VideoError("it holds no frames", self._name)
        end = begin + (frame.duration * frame.time_base if frame.duration else self._interval())
        self._check_not_cut(end)
        self.duration = float(end - first)
        if self.frame_rate is None:
            self.frame_rate = self._own_rate(count)
        yield frame, begin, end

    def _decoded(self):
        count = 0
        try:
            for frame in self._container.decode(self._stream):
                if frame.is_corrupt:
                    raise VideoError(f"frame {count} is damaged", self._name)
                yield frame
                count += 1
        except self._errors as error:
            reason = f"frame {count} can't be read: {_first_line(error)}"
            raise VideoError(reason, self._name) from error

    def _interval(self):
        return 1 / (self._stream.average_rate or self._stream.guessed_rate or Fraction(25))

    def _own_rate(self, count):
        """The rate that the file states, where that fits; else how many frames there were."""
        stated = self._stream.average_rate
        if not self.duration:
            return float(1 / self._interval())
        measured = count / self.duration
        return float(stated) if stated and abs(stated / measured - 1) < 0.01 else measured

    def _check_not_cut(self, end):
        if self._container.format.name not in _SILENT_WHEN_CUT:
            return
        stated = 0
        if self._stream.frames:
            stated = self._stream.frames * self._interval()
        elif len(self._container.streams) == 1 and self._container.duration:
            stated = Fraction(self._container.duration, 1_000_000)
        if end < _CUT * stated:
            reason = f"it ends after {float(end):.2f} of {float(stated):.2f} s: it was cut off"
            raise VideoError(reason, self._name)


class _Converter:
    """Gives decoded frames as upright RGB arrays, all of the size of the first."""

    def __init__(self, short_side):
        from av.video.reformatter import VideoReformatter

        self._reformatter = VideoReformatter()  # One for all: it keeps its tables.
        self._short_side = short_side
        self._size = None

    def __call__(self, frame):
        from av.video.reformatter import Interpolation

        if self._size is None:
            self._size = scaled_size(frame.height, frame.width, self._short_side)
        height, width = self._size
        same = (frame.height, frame.width) == self._size
        # Without a change of size only colours are converted, where the fast way is good enough.
        method = Interpolation.FAST_BILINEAR if same else Interpolation.BILINEAR
        converted = self._reformatter.reformat(
            frame, width, height, "rgb24", interpolation=method, threads=1
        )
        return _turned(converted.to_ndarray(), frame.rotation)


def _turned(image, degrees):
    """Turns counterclockwise, by what is nearest to `degrees` of the quarter turns."""
    quarters = round(degrees / 90) % 4
    return np.ascontiguousarray(np.rot90(image, quarters)) if quarters else image


def at_rate(timed, frame_rate):
    """Leaves out and repeats frames so that there are `frame_rate` a second.

    Args:
        timed: Iterable of `(frame, begin, end)`: it is shown from `begin` until `end`, in seconds.
        frame_rate: In frames per second.

    Yields:
        The same triples, at least one of them.
    """
    rate = Fraction(str(frame_rate))
    first, last, count = None, None, 0
    for last in timed:
        _, begin, end = last
        first = begin if first is None else first
        while first + (count + Fraction(1, 2)) / rate + _ROUNDING < end:
            yield last
            count += 1
    if last is not None and not count:
        yield last


def scaled_size(height, width, short_side=None):
    """Returns `(height, width)` of a frame whose shorter side becomes `short_side`, if not None."""
    if short_side is None:
        return height, width
    short = min(height, width)
    return tuple(max(1, round(side * short_side / short)) for side in (height, width))


def check_wanted(frame_rate, short_side):
    """Raises a ValueError where `frame_rate` or `short_side` is given and out of its range."""
    if frame_rate is not None and not 0 < frame_rate <= 1000:
        raise ValueError(
            f"`frame_rate` must be above 0 and at most 1000 frames per second. "
            f"Received: {frame_rate}"
        )
    if short_side is not None and not 8 <= short_side <= 8192:
        raise ValueError(f"`short_side` must be from 8 to 8192 pixels. Received: {short_side}")


def _first_line(error):
    return (getattr(error, "strerror", None) or str(error)).splitlines()[0]
