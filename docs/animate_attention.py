"""Makes docs/attention.webp: clips of a pair of classes, and which regions attend to which.

python docs/animate_attention.py
"""

import io
import itertools
import pathlib
import sys
import textwrap

import numpy as np
from PIL import Image

REPOSITORY = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(REPOSITORY))

import rstg_tf
from rstg_tf.data.synthetic.interactions import Interactions
from rstg_tf.visualize import draw_attention

MODEL = REPOSITORY / "model_zoo/interactions_rstg"
CLASSES = ("Covering something with something", "Uncovering something")
MILLISECONDS = 250  # For each frame.


def write(path):
    """Writes the animation, frame by frame with both clips side by side."""
    model = rstg_tf.load_model(MODEL)
    source = Interactions(size=64, frames=16, split="test", seed=1)
    clips = [first_clip(source, name) for name in CLASSES]
    rows = [draw_clip(model, source, clip) for clip in clips]
    pictures = [
        Image.fromarray(np.concatenate(frames, axis=1)) for frames in zip(*rows, strict=True)
    ]
    options = {"duration": MILLISECONDS, "loop": 0, "quality": 80, "method": 6}
    pictures[0].save(path, save_all=True, append_images=pictures[1:], **options)


def first_clip(source, name):
    """The first clip of a class, uint8 `[T, H, W, 3]`."""
    wanted = source.class_names.index(name)
    for number in itertools.count():
        clips, labels = source.batch([number])
        if labels[0] == wanted:
            return clips[0]


def draw_clip(model, source, clip):
    """List of pictures, uint8 `[H, W, 3]`, one a frame."""
    attention = np.asarray(model.attention(clip[None])[0])  # [T, K, E]
    state = model.initial_state(batch_size=1)
    pictures = []
    for t, frame in enumerate(clip):
        outputs, state = model.step(frame[None], state)
        scores = outputs["probabilities"][0].numpy()
        title = textwrap.fill(source.class_names[scores.argmax()], 44)
        title += "\n" * (title.count("\n") == 0)  # Always two lines, so that nothing jumps.
        graph = model.block.graph
        figure = draw_attention(clip[t : t + 1], attention[t : t + 1], graph, frames=1, strongest=8)
        figure.set_size_inches(3.4, 3.8)
        figure.legends[0].remove()  # Wider than one frame.
        figure.axes[0].set_title(f"{title}\n{scores.max():.0%}", fontsize=9)
        pictures.append(as_array(figure))
    return pictures


def as_array(figure):
    """A figure of matplotlib as uint8 `[H, W, 3]`."""
    file = io.BytesIO()
    figure.savefig(file, format="png", dpi=100)
    return np.asarray(Image.open(file).convert("RGB"))


if __name__ == "__main__":
    write(REPOSITORY / "docs/attention.webp")
