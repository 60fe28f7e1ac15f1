"""Videos of a data set side by side: a row of frames for each."""

import numpy as np

from rstg_tf.data import storage
from rstg_tf.text import printable

_HEIGHT, _CAPTION, _MARGIN = 90, 18, 4
_MAX_WIDTH = 8 * _HEIGHT


class ContactSheet:
    """Gathers the first videos of classes that are spread over all classes, and draws them.

    Args:
        classes: Number of classes.
        rows: Number of videos wanted.
        frames: Number of frames of each, spread evenly.

    Example:
        >>> sheet = ContactSheet(classes=174)
        >>> inspect_shards("data/mine", keep=sheet.add)
        >>> sheet.write("sheet.png")
    """

    def __init__(self, classes, rows=16, frames=8):
        self._frames = frames
        chosen = np.linspace(0, classes - 1, min(rows, classes)).round().astype(int)
        each = -(-rows // len(chosen))
        self._wanted = {int(label): each for label in chosen}
        self._rows = rows
        self._drawn = []

    def add(self, row, record):
        """Takes a video in, if one of its class is still wanted.

        Args:
            row: Dict with `label`, `class`, `media_id`, as of `inspect_shards`.
            record: Its serialized sequence example.

        Raises:
            ValueError: A frame can't be decoded.
        """
        if not self._wanted.get(row["label"]) or len(self._drawn) == self._rows:
            return
        self._wanted[row["label"]] -= 1
        self._drawn.append((row["label"], _draw(row, record, self._frames)))

    def write(self, path):
        """Writes the sheet as a PNG file, local or at a URL."""
        from PIL import Image

        strips = [strip for _, strip in sorted(self._drawn, key=lambda drawn: drawn[0])]
        width = max((strip.width for strip in strips), default=1)
        sheet = Image.new("RGB", (width, sum(strip.height for strip in strips) or 1), "white")
        top = 0
        for strip in strips:
            sheet.paste(strip, (0, top))
            top += strip.height
        with storage.written_whole(path) as part:
            sheet.save(part, format="PNG")


def _draw(row, record, frames):
    from PIL import Image

    from rstg_tf.data.shards.sequence_example import decode_frame, parse_example
    from rstg_tf.visualize import write_line

    images, _ = parse_example(record)
    positions = np.linspace(0, len(images) - 1, min(frames, len(images))).astype(int)
    pictures = [Image.fromarray(decode_frame(images, position)) for position in positions]
    width = min(max(round(pictures[0].width * _HEIGHT / pictures[0].height), 1), _MAX_WIDTH)
    size = (frames * (width + _MARGIN), _CAPTION + _HEIGHT + _MARGIN)
    caption = printable(f"{row['class']}  ({row['media_id']}, {row['frames']} frames)")
    strip = np.full((*size[::-1], 3), 255, np.uint8)
    write_line(strip, caption, 2, 0, _CAPTION - 2, (0, 0, 0))
    strip = Image.fromarray(strip)
    for number, picture in enumerate(pictures):
        scaled = picture.resize((width, _HEIGHT))
        strip.paste(scaled, (number * (width + _MARGIN), _CAPTION))
    return strip
