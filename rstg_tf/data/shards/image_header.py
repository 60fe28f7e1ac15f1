"""What a PNG or JPEG file says of its size, read before memory is taken for it."""

import os
import struct
from typing import NamedTuple

_PNG = b"\x89PNG\r\n\x1a\n"
_PNG_CHANNELS = {0: 1, 2: 3, 3: 3, 4: 2, 6: 4}
_JPEG = b"\xff\xd8\xff"
_FRAMES = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}  # Start of frame, of all kinds.
_PROGRESSIVE = {0xC2, 0xC6, 0xCA, 0xCE}
_ALONE = {0x01, *range(0xD0, 0xD9)}  # Markers without a length.
_MAX_MARKERS = 2000
_MAX_SCANS = 200  # Each takes the time of a whole image, and could have ten bytes.
_MAX_PIXELS = 2**25
_VARIABLE = "RSTG_TF_MAX_FRAME_PIXELS"


class Header(NamedTuple):
    """Height, width and number of channels of an image as it is stored, before EXIF turns it."""

    height: int
    width: int
    channels: int


def read_header(content):
    """Reads the header of a PNG or JPEG file.

    Args:
        content: bytes.

    Returns:
        `Header`, or None where it is no such file or has no pixels.
    """
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
        if marker in _FRAMES:
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
