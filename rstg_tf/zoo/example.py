"""The example of a published model: a clip with the scores that it must give it."""

import copy
import io
import pathlib

import numpy as np
import tensorflow as tf

FILE_NAME = "example.npz"


def write_example(model, config, directory):
    """Writes `example.npz`, by which anyone can check that a copy of a model works.

    Its arrays are `clips`, uint8 `[1, T, H, W, C]`, and `logits` and `probabilities`, float32
    `[1, classes]`. The clip comes from the generator that the experiment names, also where the
    model was trained on shards: the videos of others may not be passed on.

    Args:
        model: a `VideoClassifier`.
        config: its `Experiment`.
        directory: folder of the entry.
    """
    from rstg_tf.experiments import build_source

    section = copy.deepcopy(config.validation_data)
    section.input_path, section.split = "", "test"
    clips, _ = build_source(section).batch([0])
    if clips.shape[-1] != model.channels:
        clips = np.repeat(clips[..., :1], model.channels, axis=-1)
    with tf.device("CPU"):
        scores = {k: v.numpy() for k, v in model(clips, training=False).items()}
    packed = io.BytesIO()  # On a full disk NumPy's own file would complain once more at its end.
    np.savez_compressed(packed, clips=clips, **scores)
    (pathlib.Path(directory) / FILE_NAME).write_bytes(packed.getvalue())
