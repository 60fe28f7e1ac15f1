"""A classifier as a Keras SavedModel that needs nothing of this library, with an example."""

import contextlib
import copy
import io
import json
import os
import pathlib
import subprocess
import sys
import types

import numpy as np
import tensorflow as tf
from keras.protobuf import saved_metadata_pb2
from tensorflow.core.protobuf import saved_model_pb2

from rstg_tf.experiments import build_source
from rstg_tf.files import temporary_folder
from rstg_tf.hub.saved_model import GRAPH, METADATA, TOLERANCE, labels_file

EXAMPLE = "example.npz"
_CHECKED, _OF_ANY_SIZE = "clips", "_of_any_size"


def write_saved_model(model, class_names, directory):
    """Writes a model with its class names (`assets/labels.txt`) and named inputs and outputs.

    `serving_default` takes `clips`, uint8 `[B, T, H, W, C]`, and returns `logits` and
    `probabilities`, float32 `[B, classes]`.
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


def finish(directory):
    """Edits the graph and metadata of a SavedModel that Keras wrote; weights and scores stay.

    What is done already stays as it is, so that older models can be brought up to date.
    """
    directory = pathlib.Path(directory)
    path = directory / GRAPH
    saved = saved_model_pb2.SavedModel.FromString(path.read_bytes())
    for meta_graph in saved.meta_graphs:
        _forget_shapes(meta_graph.graph_def)
        _hide_sizes(meta_graph.graph_def.library.function)
    path.write_bytes(saved.SerializeToString(deterministic=True))
    path = directory / METADATA
    metadata = saved_metadata_pb2.SavedMetadata.FromString(path.read_bytes())
    for node in metadata.nodes:
        node.metadata = json.dumps(_without_shared_ids(json.loads(node.metadata)))
    path.write_bytes(metadata.SerializeToString(deterministic=True))
    # Of the file as it was; a model needs none.
    (directory / "fingerprint.pb").unlink(missing_ok=True)


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


def write_example(model, config, directory):
    """Writes `example.npz`, a clip and its scores, by which anyone can check a copy of the model.

    `clips` is uint8 `[1, T, H, W, C]`, `logits` and `probabilities` float32 `[1, classes]`. The
    clip is generated even after training on shards: videos of others may not be passed on.
    """
    section = copy.deepcopy(config.validation_data)
    section.input_path, section.split = "", "test"
    clips, _ = build_source(section).batch([0])
    if clips.shape[-1] != model.channels:
        clips = np.repeat(clips[..., :1], model.channels, axis=-1)
    with tf.device("CPU"):
        scores = {k: v.numpy() for k, v in model(clips, training=False).items()}
    packed = io.BytesIO()  # On a full disk NumPy's own file would complain once more at its end.
    np.savez_compressed(packed, clips=clips, **scores)
    (pathlib.Path(directory) / EXAMPLE).write_bytes(packed.getvalue())


def check_in_fresh_process(model, directory, clip_shape):
    """Loads a SavedModel by Keras alone, in a process where `rstg_tf` can't be imported.

    Raises `RuntimeError` if it fails to load or predicts other numbers, also for clips of another
    shape than `clip_shape`, `(T, H, W, C)`.
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


def _forget_shapes(graph):
    """Removes the shapes that are noted at each operation: a tenth of the bytes.

    TensorFlow finds them again when it loads the model.
    """
    for nodes in (graph.node, *(function.node_def for function in graph.library.function)):
        for node in nodes:
            node.attr.pop("_output_shapes", None)


def _hide_sizes(functions):
    """Lets what follows the check of a clip's shape not know its sizes before it runs.

    TensorFlow would find out while it traces that a pooling gets too small a map, and say so of
    that operation, before the model says that the clip is too small.
    """
    for function in functions:
        names = {node.name for node in function.node_def}
        for node in list(function.node_def):
            name = f"{node.name}{_OF_ANY_SIZE}"
            is_check = node.op == "EnsureShape" and node.name.rpartition("/")[2] == _CHECKED
            if not is_check or name in names:
                continue
            for user in function.node_def:
                for place, source in enumerate(user.input):
                    if source == f"{node.name}:output:0":
                        user.input[place] = f"{name}:output:0"
            hidden = function.node_def.add(name=name, op="PlaceholderWithDefault")
            hidden.input.append(f"{node.name}:output:0")
            hidden.attr["dtype"].CopyFrom(node.attr["T"])
            hidden.attr["shape"].CopyFrom(node.attr["shape"])


def _without_shared_ids(value):
    """Removes the numbers by which Keras knows objects that are shared: ours share none.

    A layer that was loaded without its class keeps them in its settings, where they are those of
    other objects once the model is saved again, so that it could not be loaded any more.
    """
    if isinstance(value, dict):
        return {
            key: _without_shared_ids(inner)
            for key, inner in value.items()
            if key != "shared_object_id"
        }
    return [_without_shared_ids(inner) for inner in value] if isinstance(value, list) else value
