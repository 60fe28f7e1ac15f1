"""Clips as `tf.train.SequenceExample`, with the keys of TensorFlow Model Garden's video decoder."""

import os
import struct
from typing import NamedTuple

import cv2
import numpy as np
import tensorflow as tf

_FRAMES = "image/encoded"
_LABEL = "clip/label/index"
_NO_IMAGE = "is not a PNG or JPEG image, or damaged"
_PNG = b"\x89PNG\r\n\x1a\n"
_PNG_CHANNELS = {0: 1, 2: 3, 3: 3, 4: 2, 6: 4}
_JPEG = b"\xff\xd8\xff"
_START_OF_FRAME = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}  # Start of frame, of all kinds.
_PROGRESSIVE = {0xC2, 0xC6, 0xCA, 0xCE}
_ALONE = {0x01, *range(0xD0, 0xD9)}  # Markers without a length.
_MAX_MARKERS = 2000
_MAX_SCANS = 200  # Each takes the time of a whole image, and could have ten bytes.
_MAX_PIXELS = 2**25
_VARIABLE = "RSTG_TF_MAX_FRAME_PIXELS"


def encode_clip(clip, label, class_name, media_id, frame_rate):
    """Encodes uint8 `[T, H, W, C]`, grey or RGB, without loss; equal clips give equal bytes."""
    return encode_images(
        [encode_image(frame) for frame in clip],
        "png",
        clip.shape[1:3],
        label,
        class_name,
        media_id,
        frame_rate,
    )


def encode_images(
    images, image_format, size, label, class_name, media_id, frame_rate, duration=None
):
    """Makes a serialized sequence example of encoded frames; equal arguments give equal bytes.

    `images` are `"png"` or `"jpeg"` files of `size` (height, width). `duration` in seconds, if
    known, is written as `clip/start/timestamp` (0) and `clip/end/timestamp`, in microseconds.
    """
    example = tf.train.SequenceExample()
    features = example.context.feature
    features[_LABEL].int64_list.value.append(int(label))
    features["clip/label/string"].bytes_list.value.append(
        class_name.encode(errors="backslashreplace")
    )
    features["clip/media_id"].bytes_list.value.append(media_id.encode(errors="backslashreplace"))
    features["clip/frames"].int64_list.value.append(len(images))
    if duration is not None:
        features["clip/start/timestamp"].int64_list.value.append(0)
        features["clip/end/timestamp"].int64_list.value.append(round(duration * 1e6))
    features["image/format"].bytes_list.value.append(image_format.encode())
    features["image/height"].int64_list.value.append(size[0])
    features["image/width"].int64_list.value.append(size[1])
    features["image/frame_rate"].float_list.value.append(frame_rate)
    frames = example.feature_lists.feature_list[_FRAMES].feature
    for image in images:
        frames.add().bytes_list.value.append(image)
    return example.SerializeToString(deterministic=True)


def encode_image(frame, jpeg_quality=None):
    """Encodes a frame, uint8 `[H, W, C]`, as JPEG, or as PNG where no quality is given."""
    stored = cv2.cvtColor(frame, cv2.COLOR_RGB2BGR) if frame.shape[-1] == 3 else frame
    if jpeg_quality is None:
        _, encoded = cv2.imencode(".png", stored, (cv2.IMWRITE_PNG_COMPRESSION, 3))
    else:
        _, encoded = cv2.imencode(".jpg", stored, (cv2.IMWRITE_JPEG_QUALITY, jpeg_quality))
    return encoded.tobytes()


def decode_clip(record, clip_shape):
    """Decodes a record to a uint8 clip of `clip_shape`, `(T, H, W, C)`, and its label, an int.

    Of more frames it takes T, evenly spread. Raises ValueError for another kind of record, fewer
    than two frames, damaged ones, or another size or number of channels.
    """
    frames, height, width, channels = clip_shape
    images, label = parse_example(record)
    if len(images) < 2:
        raise ValueError(f"{len(images)} frame(s), where at least 2 are expected")
    clip = np.empty(clip_shape, np.uint8)
    for out, position in zip(clip, np.linspace(0, len(images) - 1, frames), strict=True):
        number = int(position)
        content, header = _checked(images, number)
        found = tuple(header)
        if (found[0] * found[1], found[2]) == (height * width, channels):
            image = _decode(content, number, cv2.IMREAD_ANYCOLOR)
            found = (*image.shape[:2], channels)  # Turned as EXIF says.
        if found != (height, width, channels):
            raise ValueError(
                f"frame {number} has height, width, channels {found}, "
                f"where {(height, width, channels)} is expected"
            )
        out[:] = image[..., ::-1] if channels == 3 else image.reshape(out.shape)
    return clip, label


def parse_example(record):
    """Returns a record's encoded frames, at least one, for `decode_frame`, and its int label.

    Raises ValueError if it is not a sequence example with PNG or JPEG frames.
    """
    try:
        example = tf.train.SequenceExample.FromString(record)
        label = example.context.feature[_LABEL].int64_list.value[0]
        if _FRAMES not in example.feature_lists.feature_list:
            raise KeyError(_FRAMES)
        images = example.feature_lists.feature_list[_FRAMES].feature
    except Exception as error:  # The parser's own error class is private.
        raise ValueError(
            f"not a sequence example with {_LABEL!r} and {_FRAMES!r} ({error})"
        ) from error
    if not images:
        raise ValueError("no frames")
    return images, label


def decode_frame(images, number):
    """Decodes one frame of `parse_example` to uint8 RGB `[h, w, 3]`, turned upright as EXIF says.

    Raises ValueError if it is damaged, or has more pixels than `check_header` allows.
    """
    content, _ = _checked(images, number)
    return _decode(content, number, cv2.IMREAD_COLOR_RGB)


def _checked(images, number):
    """Returns a frame as it is stored, and its header."""
    encoded = images[number].bytes_list.value
    content = encoded[0] if encoded else b""
    header = read_header(content)
    if header is None:
        raise ValueError(f"frame {number} {_NO_IMAGE}")
    try:
        check_header(header)
    except ValueError as error:
        raise ValueError(f"frame {number} can't be read: {error}") from error
    return content, header


def _decode(content, number, flags):
    try:
        image = cv2.imdecode(np.frombuffer(content, np.uint8), flags)
    except cv2.error:
        image = None
    if image is None:
        raise ValueError(f"frame {number} {_NO_IMAGE}")
    return image


def describe_record(record):
    """Returns what a record says of itself, without decoding frames, or raises ValueError."""
    try:
        example = tf.train.SequenceExample.FromString(record)
        context = example.context.feature
        frames = len(example.feature_lists.feature_list[_FRAMES].feature)
        if not frames:
            raise ValueError("it has no frames")
        return {
            "media_id": context["clip/media_id"].bytes_list.value[0].decode(),
            "label": context[_LABEL].int64_list.value[0],
            "frames": frames,
            "height": context["image/height"].int64_list.value[0],
            "width": context["image/width"].int64_list.value[0],
            "frame_rate": context["image/frame_rate"].float_list.value[0],
            "bytes": len(record),
        }
    except Exception as error:  # The parser's own error class is private.
        raise ValueError(f"not a sequence example with the keys of a clip ({error})") from error


class Header(NamedTuple):
    """Height, width and number of channels of an image as it is stored, before EXIF turns it."""

    height: int
    width: int
    channels: int


def read_header(content):
    """Reads the `Header` of a PNG or JPEG file; None if it is neither or has no pixels."""
    try:
        if content.startswith(_PNG) and content[12:16] == b"IHDR":
            width, height, _, kind = struct.unpack_from(">IIBB", content, 16)
            header = Header(height, width, _PNG_CHANNELS[kind])
        elif content.startswith(_JPEG):
            header = _of_jpeg(content)
        else:
            return None
    except (struct.error, IndexError, KeyError, ValueError):
        return None
    return header if header and header.height and header.width else None


def check_header(header):
    """Raises a ValueError where an image has more pixels than are read at most.

    These are those of a frame in 8K, 2^25, or what RSTG_TF_MAX_FRAME_PIXELS says.
    """
    most = _max_pixels()
    if header.height * header.width > most:
        raise ValueError(
            f"it has {header.width} x {header.height} pixels, where {most} are read at most "
            f"({_VARIABLE})"
        )


def _of_jpeg(content):
    """Walks as libjpeg does, from marker to marker up to the first start of a frame."""
    place = 2
    for _ in range(_MAX_MARKERS):
        if content[place] != 0xFF:
            place = content.index(b"\xff", place)
        marker = content[place + 1]
        place += 1 if marker == 0xFF else 2  # Any number of 0xFF fill the space between.
        if marker in _START_OF_FRAME:
            _, height, width, channels = struct.unpack_from(">xxBHHB", content, place)
            if marker in _PROGRESSIVE and content.count(b"\xff\xda") > _MAX_SCANS:
                return None
            return Header(height, width, 1 if channels == 1 else 3)  # As they are decoded.
        if marker in (0xD9, 0xDA):  # The end, or pixels without a size.
            return None
        if marker not in (0x00, 0xFF, *_ALONE):
            place += struct.unpack_from(">H", content, place)[0]
    return None


def _max_pixels():
    text = os.environ.get(_VARIABLE, "")
    try:
        most = int(text or _MAX_PIXELS)
    except ValueError:
        most = 0
    if most < 1:
        raise ValueError(f"{_VARIABLE} must be a number of pixels. Received: {text!r}")
    return most
