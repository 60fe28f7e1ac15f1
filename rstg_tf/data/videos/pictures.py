"""Decoded frames as a player shows them: upright, of square pixels, in RGB."""

import io
from fractions import Fraction

import numpy as np

# By the orientation of EXIF, 1 to 8: what (x, y) is multiplied by, with y downwards.
_TURNS = np.array(
    [
        [[1, 0], [0, 1]],
        [[-1, 0], [0, 1]],
        [[-1, 0], [0, -1]],
        [[1, 0], [0, -1]],
        [[0, 1], [1, 0]],
        [[0, -1], [1, 0]],
        [[0, -1], [-1, 0]],
        [[0, 1], [-1, 0]],
    ]
)


class Converter:
    """Gives decoded frames as upright RGB arrays, all of the size of the first.

    `stream` is PyAV's; a `short_side` of None keeps the size. `jpeg` holds the first frame's file
    if frames are JPEG, else None. Raises ValueError if an array would have more than `max_pixels`.
    """

    def __init__(self, stream, short_side, max_pixels):
        self.jpeg = None
        self._stream = stream
        self._short_side = short_side
        self._max_pixels = max_pixels
        self._size = None
        self._scaler = None
        self._rotation, self._orientation = None, 1

    def __call__(self, frame):
        """Returns uint8 `[H, W, 3]`."""
        import cv2

        # A frame that was asked for its matrix stays in memory until the next collection of cycles.
        if frame.rotation != self._rotation:
            self._rotation, self._orientation = frame.rotation, self._orientation_of(frame)
        turns_sides = self._orientation > 4
        if self._size is None:
            size = self._shown_size(frame)
            self._size = size[::-1] if turns_sides else size
        size = self._size[::-1] if turns_sides else self._size
        kind = (frame.height, frame.width, frame.format.name, frame.colorspace, frame.color_range)
        if self._scaler is None or self._scaler.kind != (kind, size):
            self._scaler = _Scaler(kind, size)
        green, blue, red = map(_array, self._scaler(frame).planes)
        return turned(cv2.merge([red, green, blue]), self._orientation)

    def _shown_size(self, frame):
        # The container's word goes before that of the codec, which decoding may have found.
        aspect = self._stream.sample_aspect_ratio or self._stream.codec_context.sample_aspect_ratio
        aspect = aspect if aspect and aspect > 0 else Fraction(1)
        height, width = scaled_size(frame.height, frame.width * aspect, self._short_side)
        if height * width > self._max_pixels:
            raise ValueError(
                f"its frames would be shown at {width} x {height} pixels, where "
                f"{self._max_pixels:,} are allowed"
            )
        return height, width

    def _orientation_of(self, frame):
        """Returns which orientation the display matrix of a frame is nearest to."""
        try:
            found = [data for data in frame.side_data if data.type.name == "DISPLAYMATRIX"]
        except ValueError:  # PyAV knows all kinds or none; of EXIF it does not know.
            if self.jpeg is not None:
                return exif_orientation(self.jpeg)
            return (1, 8, 3, 6)[round(frame.rotation / 90) % 4]
        if not found:
            return 1
        # Numbers of 16.16 bits: a, b, u, c, d, v, x, y, w; x' = a x + c y, y' = b x + d y.
        a, b, _, c, d = np.frombuffer(found[0], "=i4", 5).astype(float)
        matrix = np.array([[a, c], [b, d]])
        lengths = np.linalg.norm(matrix, axis=0)
        if not lengths.all():
            return 1  # All would be shown in a line.
        return 1 + int(np.argmax((_TURNS * matrix / lengths).sum(axis=(1, 2)).round(6)))


class _Scaler:
    """Converts frames of one kind by FFmpeg's own filters, as its command does.

    PyAV takes chroma half a pixel further left. Chroma is interpolated, whatever its resolution; to
    planes of colours that is four times as fast as to pixels.
    """

    def __init__(self, kind, size):
        from av.filter import Graph

        self.kind = (kind, size)
        height, width, pixel_format, colorspace, color_range = kind
        method = "bicubic" if size == (height, width) else "bilinear"
        graph = Graph()
        graph.threads = 1
        self._source = graph.add(
            "buffer",
            video_size=f"{width}x{height}",
            pix_fmt=pixel_format,
            colorspace=str(int(colorspace)),
            range=str(int(color_range)),
            time_base="1/1",
        )
        flags = f"{method}+accurate_rnd+full_chroma_int"
        scale = graph.add("scale", f"{size[1]}:{size[0]}:flags={flags}")
        self._sink = graph.add("buffersink")
        graph.link_nodes(self._source, scale, graph.add("format", "gbrp"), self._sink).configure()
        self._graph = graph

    def __call__(self, frame):
        self._source.push(frame)
        return self._sink.pull()


def exif_orientation(image):
    """Returns the orientation that JPEG bytes state, 1 to 8; 1 if they state none."""
    from PIL import Image

    try:
        with Image.open(io.BytesIO(image), formats=["JPEG"]) as opened:
            orientation = opened.getexif().get(0x0112, 1)
    except Exception:  # PIL's errors of damaged files are of many kinds; FFmpeg's word counts.
        return 1
    return orientation if orientation in range(1, 9) else 1


def scaled_size(height, width, short_side=None):
    """Returns `(height, width)` of a frame whose shorter side becomes `short_side`, if not None."""
    scale = 1 if short_side is None else Fraction(short_side) / min(height, width)
    return tuple(max(1, round(side * scale)) for side in (height, width))


def _array(plane):
    rows = np.frombuffer(plane, np.uint8).reshape(plane.height, plane.line_size)
    return rows[:, : plane.width]


def turned(image, orientation):
    """Turns an image `[H, W, 3]` of EXIF's orientation upright: `[W, H, 3]` for 5 to 8."""
    if orientation == 1:
        return image
    if orientation > 4:
        image = image.transpose(1, 0, 2)
    right, down = _TURNS[orientation - 1].sum(axis=1)  # Each row has one number that is not 0.
    return np.ascontiguousarray(image[::down, ::right])
