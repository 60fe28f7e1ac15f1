"""A few clips of a dataset as an animated picture."""

import textwrap

import numpy as np

from rstg_tf.files import written_whole

_CELL, _CAPTION = 160, 40


def write_preview(source, path, rows=4, columns=4):
    """Writes the first clips of a generator, with their class names, as an animated GIF."""
    from PIL import Image, ImageDraw

    clips, labels = source.batch(range(rows * columns))
    pictures = []
    for t in range(clips.shape[1]):
        picture = Image.new("RGB", (columns * _CELL, rows * (_CELL + _CAPTION)), "white")
        draw = ImageDraw.Draw(picture)
        for n, (clip, label) in enumerate(zip(clips, labels, strict=True)):
            x, y = n % columns * _CELL, n // columns * (_CELL + _CAPTION)
            frame = np.broadcast_to(clip[t], (*clip.shape[1:3], 3))
            picture.paste(Image.fromarray(frame).resize((_CELL, _CELL), Image.NEAREST), (x, y))
            caption = "\n".join(textwrap.wrap(source.class_names[label], 27))
            draw.text((x + 2, y + _CELL), caption, fill="black", font_size=10)
        pictures.append(picture)
    with written_whole(path) as part:
        pictures[0].save(
            part,
            format="GIF",
            save_all=True,
            append_images=pictures[1:],
            duration=round(1000 / source.frame_rate),
            loop=0,
        )
