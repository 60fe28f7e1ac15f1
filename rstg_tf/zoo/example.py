"""The example of a published model: clips with the probabilities that it must give them."""

import copy
import pathlib

import numpy as np
import tensorflow as tf

FILE_NAME = "example.npz"
_CLIPS = 2


def write_example(model, config, directory):
    """Writes `example.npz`, by which anyone can check that a copy of a model works.

    Its arrays are `clips`, uint8 `[2, T, H, W, C]`, and `probabilities`, float32 `[2, classes]`.
    The clips come from the generator that the experiment names, also where the model was trained
    on shards: the videos of others may not be passed on.

    Args:
        model: a `VideoClassifier`.
        config: its `Experiment`.
        directory: folder of the entry.
    """
    from rstg_tf.experiments import build_source

    section = copy.deepcopy(config.validation_data)
    section.input_path, section.split = "", "test"
    clips, _ = build_source(section).batch(range(_CLIPS))
    if clips.shape[-1] != model.channels:
        clips = np.repeat(clips[..., :1], model.channels, axis=-1)
    with tf.device("CPU"):
        probabilities = model(clips, training=False)["probabilities"].numpy()
    path = pathlib.Path(directory) / FILE_NAME
    np.savez_compressed(path, clips=clips, probabilities=probabilities)
