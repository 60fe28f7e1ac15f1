"""Frames of video files, decoded by PyAV (FFmpeg)."""

import collections
import contextlib
import errno
import io
import os
from fractions import Fraction
from typing import NamedTuple

import numpy as np

from rstg_tf.data.videos.pictures import Converter
from rstg_tf.data.videos.times import Clock, at_rate, with_repeats
from rstg_tf.data.videos.wholeness import missing_bytes
from rstg_tf.text import printable

# Containers of video, and raw streams. Not among them: whatever names other files or addresses
# (playlists, SDP, concat), and pictures, text and sound.
_FORMATS = (
    "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,flv,gif,apng,asf,mpeg,mpegts,mpegvideo,ogg,mxf,"
    "nut,ivf,yuv4mpegpipe,dv,rm,ivr,wtv,nsv,nuv,pva,dhav,vividas,flic,bink,smk,roq,swf,"
    "h261,h263,h264,hevc,vvc,evc,m4v,mjpeg,jpeg_pipe,png_pipe,obu,vc1,vc1test,dirac,cavsvideo,avs2,avs3"
)
# Recordings that may begin with half a packet.
_BROADCAST = ("mpegts", "mpeg")
# They say nothing of their length: where one was cut off, its decoder must be strict.
_STRICT = (
    *("h261", "h263", "h264", "hevc", "vvc", "evc", "m4v", "mpegvideo", "vc1", "obu", "cavsvideo"),
    *_BROADCAST,
)
# Files that tell how long they are, and end without an error where the rest is missing.
_TELL_DURATION = ("matroska,webm", "flv", "asf")
_CUT = 0.9
_BUFFER = 2**17  # Bytes of a read.
# Of all frames; a small file of more, which takes many minutes to decode, is no film.
_FEW_PIXELS = 2**37


class VideoError(ValueError):
    """A video can't be decoded.

    Attributes:
        reason: What is wrong with it, without its name.
    """

    def __init__(self, reason, source):
        self.reason = printable(reason)
        super().__init__(
            f"The video can't be decoded: {self.reason}. Received: {printable(source)}"
        )


class VideoLimits(NamedTuple):
    """How large a video may be. What is larger is a `VideoError`, before memory is taken for it.

    Attributes:
        frame_pixels: Pixels of a frame, as stored and as given; by default those of 8K.
        frames: Frames of a video, as stored and as given.
        pixels: Pixels of all stored frames of a video together; by default nearly six hours of
            1080p at 25 frames per second.
        pixels_per_byte: The same for each byte of the file, from 2^37 pixels on; by default
            several times what a film that hardly moves has.
        array_pixels: Pixels of the array of `decode_video`, 3 bytes each.
        seconds: Duration of a video.
        still_seconds: How long one frame may stand, which a clock that jumps makes long.
    """

    frame_pixels: int = 2**25
    frames: int = 2**20
    pixels: int = 2**40
    pixels_per_byte: int = 2**14
    array_pixels: int = 2**29
    seconds: float = 6 * 3600
    still_seconds: float = 900

    @classmethod
    def of(cls, texts):
        """Makes limits of texts such as `"seconds=90000"`; others stay as they are by default."""
        limits = cls()
        for text in texts:
            name, _, value = text.partition("=")
            try:
                kind = cls.__annotations__[name]
                limits = limits._replace(**{name: kind(float(value))})
            except (KeyError, ValueError, OverflowError) as error:
                raise ValueError(
                    f"A limit of videos is NAME=NUMBER, with a name of {', '.join(cls._fields)}. "
                    f"Received: {text}"
                ) from error
        limits.check()
        return limits

    def check(self):
        """Raises a ValueError where a limit is not positive."""
        for name, value in self._asdict().items():
            if not value > 0:
                raise ValueError(f"`{name}` must be positive. Received: {value}")


class DecodedVideo(NamedTuple):
    """A whole video: uint8 RGB `[T, H, W, 3]`, and its frames per second."""

    frames: np.ndarray
    frame_rate: float


def decode_video(source, frame_rate=None, short_side=None, limits=VideoLimits()):  # noqa: B008
    """Decodes a video file: webm, mp4, avi, mkv, gif and whatever other video FFmpeg knows.

    Args:
        source: Path of a local file, or its bytes.
        frame_rate: Frames per second wanted; by default each frame of the file once.
        short_side: Pixels of the shorter side wanted; by default those of the file.
        limits: `VideoLimits`.

    Returns:
        `DecodedVideo`: `(frames, frame_rate)`, as a player shows them: turned and mirrored as the
        file says, and of square pixels (64 x 48 of pixels twice as wide as high are 128 x 48).

    Raises:
        VideoError: There is no such file, it is no video, it is damaged or was cut off, or it is
            larger than the limits.
        ValueError: `frame_rate`, `short_side` or a limit is out of its range.

    Example:
        >>> frames, frame_rate = decode_video("pushing.webm", frame_rate=12, short_side=256)
    """
    with VideoReader(source, frame_rate, short_side, limits=limits) as reader:
        images = []
        for image in reader:
            images.append(image)
            if len(images) * image.shape[0] * image.shape[1] > limits.array_pixels:
                reason = f"its frames together have more than {limits.array_pixels:,} pixels"
                raise VideoError(reason, reader.name)
        frames = np.empty((len(images), *images[0].shape), np.uint8)
        for number in range(len(images)):  # Frames go as they are copied.
            frames[number], images[number] = images[number], None
        return DecodedVideo(frames, reader.frame_rate)


class VideoReader:
    """Gives the frames of a video file one after the other, so that a film needs no memory.

    A context manager; it is read once. No other file or address is opened, whatever the file names.

    Args:
        source: As in `decode_video`.
        frame_rate: As in `decode_video`. The frame of time `t` is the one that a player would show
            then, whether or not the file has frames at even times; frames are left out or
            repeated. Times are the middles of the intervals of `1 / frame_rate`.
        short_side: As in `decode_video`.
        threads: Threads that decode; 0: one for each core.
        limits: `VideoLimits`.

    Attributes:
        name: Path of the file, or `"bytes"`.
        frame_rate: Of the frames given; where none was asked for, it is known after the last.
        duration: In seconds; it is known after the last.

    Raises:
        VideoError: From here or from reading, as in `decode_video`.

    Example:
        >>> with VideoReader("pushing.webm", short_side=256) as reader:
        ...     for frame in reader:  # uint8 [H, W, 3]
        ...         show(frame)
    """

    def __init__(
        self,
        source,
        frame_rate=None,
        short_side=None,
        threads=0,
        limits=VideoLimits(),  # noqa: B008 - immutable.
    ):
        check_wanted(frame_rate, short_side)
        limits.check()
        self.name = "bytes" if isinstance(source, bytes) else os.fspath(source)
        self.frame_rate = frame_rate
        self.duration = None
        self._limits = limits
        self._repeats = collections.deque()
        self._last_end = 0  # Of all streams, in seconds.
        with contextlib.ExitStack() as opened:
            file = opened.enter_context(self._opened(source))
            with self._told():
                missing = missing_bytes(file)
                num_bytes = file.seek(0, io.SEEK_END)
                file.seek(0)
            if missing:
                raise VideoError(
                    f"it was cut off: at least {missing:,} bytes are missing at its end", self.name
                )
            self._max_pixels = min(
                limits.pixels, max(_FEW_PIXELS, num_bytes * limits.pixels_per_byte)
            )
            self._container = self._demuxer(file)
            opened.callback(self._container.close)
            self._stream = self._video_stream()
            self._set_up(threads)
            self._convert = Converter(self._stream, short_side, limits.frame_pixels)
            self._open = opened.pop_all()

    def __enter__(self):
        """Returns the reader."""
        return self

    def __exit__(self, *error):
        """Closes the file."""
        self._open.close()

    def __iter__(self):
        """Yields uint8 `[H, W, 3]`."""
        image, shown = None, None
        for frame in self._shown():
            if frame is not shown:  # Else it is given once more.
                with self._told():
                    image = self._convert(frame)
                shown = frame
            yield image

    def count(self):
        """Returns how many frames it would give; it is read then, too."""
        return sum(1 for _ in self._shown())

    def take(self, numbers):
        """Returns `{number: uint8 [H, W, 3]}` of some of the frames; it is read then, too."""
        left, taken = set(numbers), {}
        for number, frame in enumerate(self._shown()):
            if number in left:
                with self._told():
                    taken[number] = self._convert(frame)
                left.remove(number)
            if not left:
                break
        return taken

    def _opened(self, source):
        if isinstance(source, bytes):
            return io.BytesIO(source)
        if not os.path.isfile(source):
            raise VideoError("there is no such file", self.name)
        try:
            return open(source, "rb")
        except OSError as error:
            raise VideoError(f"it can't be opened: {_first_line(error)}", self.name) from error

    def _demuxer(self, file):
        import av

        options = {
            "format_whitelist": _FORMATS,
            "protocol_whitelist": "none",
            "max_pixels": self._decoder_pixels(),
        }
        try:
            with self._told():
                return av.open(
                    _Nameless(file),
                    options=options,
                    metadata_errors="ignore",
                    buffer_size=_BUFFER,
                    io_open=_open_nothing,
                )
        except VideoError as error:
            reasons = {
                av.error.ArgumentError: "it is of no format of video that is read",
                av.error.InvalidDataError: "it is no video, or its beginning is damaged",
            }
            reason = reasons.get(type(error.__cause__), error.reason)
            raise VideoError(reason, self.name) from error

    def _video_stream(self):
        import av

        pictures = av.stream.Disposition.attached_pic | av.stream.Disposition.timed_thumbnails
        streams = [
            stream for stream in self._container.streams.video if not stream.disposition & pictures
        ]
        if not streams:
            raise VideoError("it holds no video", self.name)
        best = self._container.streams.best("video")
        if best in streams and best.codec_context is not None:
            return best
        for stream in streams:
            if stream.codec_context is not None:
                return stream
        raise VideoError("there is no decoder for its codec", self.name)

    def _set_up(self, threads):
        import av

        # Times are those of the file; the ones that PyAV has made up are wrong for B-frames.
        self._container.flags &= ~av.container.Flags.gen_pts.value
        context = self._stream.codec_context
        self._check_size(context.width, context.height)
        context.options = {"max_pixels": self._decoder_pixels()}
        if self._container.format.name in _STRICT:
            context.options |= {"err_detect": "explode"}
            threads = 1  # Side by side, the error of the last frame would be lost.
        context.thread_count = threads
        if threads != 1:
            context.thread_type = "AUTO"

    def _shown(self):
        """Yields the frames that are given, as of PyAV; one that is given again is the same one."""
        timed = self._timed()
        if self.frame_rate is not None:
            timed = at_rate(timed, self.frame_rate)
        for number, (frame, _, _) in enumerate(timed):
            if number == self._limits.frames:
                raise VideoError(f"it has more than {self._limits.frames:,} frames", self.name)
            yield frame

    def _timed(self):
        """Yields `(frame, begin, end)`: from when to when it is shown, in seconds."""
        clock = self._clock()
        count, first, begin, frame = 0, None, None, None
        for following in self._decoded():
            with self._told():
                time = clock(following)
            first = time if first is None else first
            time -= first
            if time > self._limits.seconds:
                raise VideoError(f"it is longer than {self._limits.seconds:,} s", self.name)
            if frame is not None:
                for part in with_repeats(frame, begin, time, self._repeats):
                    count += 1
                    yield part
            frame, begin = following, time
        if frame is None:
            raise VideoError("it holds no frames", self.name)
        end = begin + clock.length(frame)
        if self._repeats:
            end = max(end, self._repeats[-1] + clock.interval)
        parts = list(with_repeats(frame, begin, end, self._repeats))
        self._check_duration(first + end)
        self.duration = float(end)
        if self.frame_rate is None:
            self.frame_rate = self._own_rate(count + len(parts))
        yield from parts

    def _clock(self):
        with self._told():
            return Clock(
                self._stream.time_base,
                1 / (self._stated_rate() or Fraction(25)),
                self._limits.still_seconds,
                is_timed=not self._has_flag("no_timestamps"),
                is_set_anew=self._has_flag("ts_discont"),
            )

    def _stated_rate(self):
        if self._has_flag("no_timestamps"):  # What is stated is a default then.
            return self._stream.guessed_rate
        return self._stream.average_rate or self._stream.guessed_rate

    def _has_flag(self, name):
        import av

        return bool(self._container.format.flags & av.format.Flags[name].value)

    def _decoded(self):
        """Yields the frames as they are stored, in the order in which they are shown."""
        import av

        number, pixels, has_begun = 0, 0, False
        for packet in self._packets():
            # A recording may begin anywhere; nothing can be seen before the first whole frame.
            has_begun = has_begun or packet is None or packet.is_keyframe
            try:
                with self._told(f"frame {number} can't be read: "):
                    frames = self._stream.decode(packet)
                if any(frame.is_corrupt for frame in frames):
                    raise VideoError(f"frame {number} is damaged", self.name)
            except VideoError as error:
                if isinstance(error.__cause__, av.error.ArgumentError):
                    raise VideoError(
                        f"frame {number} is damaged, or of more pixels than the "
                        f"{self._limits.frame_pixels:,} that are allowed",
                        self.name,
                    ) from error
                if has_begun:
                    raise
                continue
            for frame in frames:
                self._check_size(frame.width, frame.height)
                number += 1
                pixels += frame.width * frame.height
                if number > self._limits.frames or pixels > self._max_pixels:
                    raise VideoError(
                        f"it has more than {self._limits.frames:,} frames or "
                        f"{self._max_pixels:,} pixels",
                        self.name,
                    )
                yield frame

    def _packets(self):
        """Yields the packets of the video, and None at the end. Those of no bytes are repeats."""
        demuxed = self._container.demux()
        first = None
        while True:
            with self._told(), contextlib.suppress(StopIteration):
                packet = None
                packet = next(demuxed)
            if packet is None:
                break
            stamp = packet.pts if packet.pts is not None else packet.dts
            if stamp is None and not packet.size:  # By PyAV, behind the last.
                continue
            time = Fraction(0) if stamp is None else stamp * (packet.time_base or 0)
            length = (packet.duration or 0) * (packet.time_base or 0)
            self._last_end = max(self._last_end, time + length)
            if packet.is_corrupt and self._container.format.name not in _BROADCAST:
                raise VideoError(
                    f"it was cut off, or is damaged, after {float(time):.2f} s", self.name
                )
            if packet.stream is not self._stream:
                continue
            first = time if first is None else first
            if packet.size:
                if self._stream.codec_context.name == "mjpeg" and self._convert.jpeg is None:
                    self._convert.jpeg = bytes(packet)
                yield packet
            elif stamp is not None:
                self._repeats.append(time - first)
        yield None

    def _own_rate(self, count):
        """The rate that the file states, where that fits; else how many frames there were."""
        stated = self._stated_rate()
        if not self.duration:
            return float(stated or 25)
        measured = count / self.duration
        return float(stated) if stated and abs(stated / measured - 1) < 0.01 else measured

    def _decoder_pixels(self):
        """What decoders may allocate, who round the sides of frames up."""
        return str(min(2 * self._limits.frame_pixels + 2**16, 2**31 - 1))

    def _check_size(self, width, height):
        if width * height > self._limits.frame_pixels:
            raise VideoError(
                f"its frames have {width} x {height} pixels, where "
                f"{self._limits.frame_pixels:,} are allowed",
                self.name,
            )

    def _check_duration(self, end):
        if self._container.format.name not in _TELL_DURATION or not self._container.duration:
            return
        stated = self._container.duration / 1e6
        end = float(max(end, self._last_end))
        if end < min(_CUT * stated, stated - 1):
            reason = f"it ends after {end:.2f} of {stated:.2f} s: the rest is missing"
            raise VideoError(reason, self.name)

    @contextlib.contextmanager
    def _told(self, doing=""):
        """Makes a VideoError of whatever PyAV raises; of a damaged file that may be anything."""
        try:
            yield
        except VideoError:
            raise
        except Exception as error:
            raise VideoError(f"{doing}{_first_line(error)}", self.name) from error


class _Nameless:
    """A file to read; the name of one with a name would be a pattern or an address to FFmpeg."""

    def __init__(self, file):
        self.read, self.seek, self.tell = file.read, file.seek, file.tell


def _open_nothing(url, *_):
    raise ValueError(f"it names another file or address ({url})")


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
    if getattr(error, "errno", None) == errno.EPERM:  # The plain -1 of some decoders.
        return "its data are damaged"
    lines = (getattr(error, "strerror", None) or str(error)).splitlines()
    return lines[0] if lines else type(error).__name__
