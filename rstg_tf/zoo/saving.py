"""A classifier as a Keras SavedModel that needs nothing of this library."""

import contextlib
import os
import pathlib
import subprocess
import sys
import types

import numpy as np
import tensorflow as tf

from rstg_tf.files import temporary_folder
from rstg_tf.hub.saved_model import TOLERANCE, labels_file
from rstg_tf.zoo.finishing import finish


def write_saved_model(model, class_names, directory):
    """Writes a model with its class names and named inputs and outputs.

    `serving_default` takes `clips`, uint8 `[B, T, H, W, C]`, and returns `logits` and
    `probabilities`, float32 `[B, classes]`. The names of the classes lie in `assets/labels.txt`,
    one a line, in the order of the logits.

    Args:
        model: a `VideoClassifier`.
        class_names: names of its classes.
        directory: folder to write.
    """

    @tf.function(
        input_signature=[tf.TensorSpec([None] * 4 + [model.channels], tf.uint8, name="clips")]
    )
    def serve(clips):
        return model(clips, training=False)

    with labels_file(class_names) as labels:
        model.labels = tf.saved_model.Asset(labels)
        with _batch_statistics_of_one_replica(model), _traced_once(model):
            model.save(
                directory,
                save_format="tf",
                include_optimizer=False,
                signatures={"serving_default": serve},
            )
    finish(directory)


@contextlib.contextmanager
def _batch_statistics_of_one_replica(model):
    """Saves batch normalisation as it is by default in Keras.

    The exchange between replicas has a gradient of its own, about which every loading of the
    model would warn; it matters to training on several devices only.
    """
    layers = [module for module in model.submodules if getattr(module, "synchronized", False)]
    for layer in layers:
        layer.synchronized = False
    try:
        yield
    finally:
        for layer in layers:
            layer.synchronized = True


@contextlib.contextmanager
def _traced_once(model):
    """Lets all that Keras saves of a model share one graph for inference and one for training.

    By itself Keras traces a model for each of its signatures, and again each layer that states
    what it takes in (`input_spec`): a video ResNet would be saved six times, each of its
    recurrences sixty times. That takes a minute, 13 MB instead of 5, and longer to load.
    """
    shape = [None] * 4 + [model.channels]
    trace = tf.function(model.call).get_concrete_function
    clips = tf.TensorSpec(shape, tf.uint8)
    traced = {training: trace(clips, training=training) for training in (False, True)}

    def call(self, clips, training=None):
        # Nothing else looks at the shape once the model is loaded.
        return traced[bool(training)](tf.ensure_shape(clips, shape, name="clips"))  # See `finish`.

    layers = [module for module in model.submodules if isinstance(module, tf.keras.layers.Layer)]
    specs = [layer.input_spec for layer in layers]
    model.call = types.MethodType(call, model)
    for layer in layers:
        layer.input_spec = None
    try:
        yield
    finally:
        del model.call
        for layer, spec in zip(layers, specs, strict=True):
            layer.input_spec = spec


def check_in_fresh_process(model, directory, clip_shape):
    """Loads a SavedModel by Keras alone, in a process where `rstg_tf` can't be imported.

    Args:
        model: the model that was saved.
        directory: the SavedModel.
        clip_shape: `(T, H, W, C)` of a clip that the model is meant for.

    Raises:
        RuntimeError: it does not load, or predicts other numbers, for batches of other sizes or
            for clips of other shape.
    """
    frames, height, width, channels = clip_shape
    shapes = ((3, *clip_shape), (1, frames + 1, height + 5, width + 3, channels))
    rng = np.random.default_rng(0)
    batches = [rng.integers(0, 256, shape, np.uint8) for shape in shapes]
    found = _predict_elsewhere(directory, batches)
    for number, clips in enumerate(batches):
        with tf.device("CPU"):
            expected = model(clips, training=False)
        for name in ("logits", "probabilities"):
            error = np.abs(found[f"{number}/{name}"] - expected[name]).max()
            if not error <= TOLERANCE * max(1.0, np.abs(expected[name]).max()):
                raise RuntimeError(
                    f"A published model must predict what it did before it was saved. "
                    f"Received: {name} that differ by {error:.2g} for clips of {clips.shape}"
                )


def _predict_elsewhere(directory, batches):
    """Predictions of a SavedModel in a fresh process: dict from `NUMBER/OUTPUT` to array."""
    script = pathlib.Path(__file__).with_name("fresh_process.py")
    with temporary_folder() as scratch:
        given, made = pathlib.Path(scratch) / "clips.npz", pathlib.Path(scratch) / "made.npz"
        np.savez(given, *batches)
        process = subprocess.run(
            [sys.executable, "-I", script, pathlib.Path(directory).resolve(), given, made],
            cwd=scratch,
            env={**os.environ, "CUDA_VISIBLE_DEVICES": "-1", "TF_CPP_MIN_LOG_LEVEL": "3"},
            capture_output=True,
            text=True,
            check=False,
        )
        if process.returncode:
            raise RuntimeError(
                f"A published model must load by keras.models.load_model in a process without "
                f"rstg_tf. Received: {directory}\n{process.stderr[-2000:]}"
            )
        with np.load(made) as arrays:
            return dict(arrays)
