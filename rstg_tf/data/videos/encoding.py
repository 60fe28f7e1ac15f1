"""A video, or a folder of JPEG frames, as a sequence example of all its frames."""

import io
from fractions import Fraction
from typing import NamedTuple

import numpy as np

from rstg_tf.data import storage
from rstg_tf.data.shards.sequence_example import encode_image, encode_images
from rstg_tf.data.videos.decoding import VideoError, VideoLimits, VideoReader, check_wanted
from rstg_tf.data.videos.file_names import frames_in_order
from rstg_tf.data.videos.pictures import exif_orientation, scaled_size, turned
from rstg_tf.data.videos.times import at_rate

_MAX_BYTES = 2**31 - 2**20  # What a protocol buffer can hold.


class FrameFormat(NamedTuple):
    """How frames are stored; videos beyond the limits are left out.

    JPEG frames that are upright and keep their size are stored unchanged.
    """

    frame_rate: float | None = None  # Per second; None keeps every frame.
    short_side: int | None = None  # In pixels; None keeps the size.
    jpeg_quality: int = 90  # 1 to 100.
    limits: VideoLimits = VideoLimits()

    def made_by(self):
        """Returns what the stored frames of a video depend on, as a dict."""
        return {name: value for name, value in self._asdict().items() if name != "limits"}

    def check(self):
        """Raises a ValueError where a value is out of its range."""
        check_wanted(self.frame_rate, self.short_side)
        self.limits.check()
        if not 1 <= self.jpeg_quality <= 100:
            raise ValueError(f"`jpeg_quality` must be from 1 to 100. Received: {self.jpeg_quality}")


class EncodedVideo(NamedTuple):
    """A serialized `tf.train.SequenceExample`, and the number of frames in it."""

    record: bytes
    num_frames: int


def encode_video(video, listed, frame_format):
    """Reads a `Video` of a `VideoList` and encodes its frames.

    Raises VideoError if it is missing, damaged, beyond the limits or too long for one record.
    """
    path = storage.join(listed.root, video.path)
    if listed.image_rate is None:
        images, size, rate, duration = _from_file(path, frame_format)
    else:
        images, size, rate, duration = _from_images(path, listed.image_rate, frame_format)
    class_name = listed.class_names[video.label]
    record = encode_images(
        images, "jpeg", size, video.label, class_name, video.media_id, rate, duration
    )
    return EncodedVideo(record, len(images))


def _from_file(path, frame_format):
    source = path
    if storage.is_remote(path):
        try:
            source = storage.read(path)
        except FileNotFoundError as error:
            raise VideoError("there is no such file", path) from error
    images = []
    # One thread: videos are decoded side by side.
    wanted = frame_format.frame_rate, frame_format.short_side
    with VideoReader(source, *wanted, threads=1, limits=frame_format.limits) as reader:
        length, before, size = 0, None, None
        for frame in reader:
            # A frame that is given once more is the same array.
            image = (
                images[-1] if frame is before else encode_image(frame, frame_format.jpeg_quality)
            )
            length += len(image)
            if length > _MAX_BYTES:
                raise VideoError("its frames make a record of more than 2 GB", path)
            images.append(image)
            before, size = frame, frame.shape[:2]
        return images, size, reader.frame_rate, reader.duration


def _from_images(folder, rate, frame_format):
    names = frames_in_order(storage.list_files(folder, below=False))
    if not names:
        raise VideoError("there is no such folder of JPEG frames", folder)
    if len(names) > frame_format.limits.frames:
        raise VideoError(f"it has more than {frame_format.limits.frames:,} frames", folder)
    images, size, length = [], None, 0
    for name in names:
        image, this_size = _checked_image(folder, name, frame_format)
        if size not in (None, this_size):
            raise VideoError(f"{name} has another size than the frames before it", folder)
        length += len(image)
        if length > _MAX_BYTES:
            raise VideoError("its frames make a record of more than 2 GB", folder)
        images.append(image)
        size = this_size
    duration = len(images) / rate
    if frame_format.frame_rate is not None:
        begins = [Fraction(number) / Fraction(str(rate)) for number in range(len(images) + 1)]
        timed = zip(images, begins, begins[1:], strict=False)
        images = [image for image, _, _ in at_rate(timed, frame_format.frame_rate)]
    return images, size, frame_format.frame_rate or rate, duration


def _checked_image(folder, name, frame_format):
    """Returns `(JPEG, (height, width))`, of the size wanted."""
    from PIL import Image

    content = storage.read(storage.join(folder, name))
    try:
        with Image.open(io.BytesIO(content), formats=["JPEG"]) as image:
            size = scaled_size(image.height, image.width, frame_format.short_side)
            if (
                max(image.height * image.width, size[0] * size[1])
                > frame_format.limits.frame_pixels
            ):
                raise VideoError(
                    f"{name} has {image.width} x {image.height} pixels, where "
                    f"{frame_format.limits.frame_pixels:,} are allowed",
                    folder,
                )
            image.load()
            # Frames are stored upright, since not all that read them know of EXIF.
            orientation = exif_orientation(content)
            same = size == (image.height, image.width)
            if orientation == 1 and same and image.mode == "RGB":
                return content, size
            scaled = image.convert("RGB").resize(size[::-1], Image.Resampling.BILINEAR)
            upright = turned(np.asarray(scaled), orientation)
    except VideoError:
        raise
    except Exception as error:  # PIL's errors of damaged files are of many kinds.
        raise VideoError(f"{name} is not a JPEG image, or damaged ({error})", folder) from error
    return encode_image(upright, frame_format.jpeg_quality), upright.shape[:2]
