"""The one place where SavedModels are loaded: what they hold is read as data first."""

import math
import pathlib
import stat

import tensorflow as tf

from rstg_tf.hub import graph_check, metadata_check
from rstg_tf.text import printable

GRAPH, METADATA = "saved_model.pb", "keras_metadata.pb"
_MAX_BYTES = 2**30
_SPARE_BYTES = 2**26  # Of weights beyond what the files hold.


def load_saved_model(directory):
    """Loads a SavedModel that Keras wrote, which may be a stranger's.

    Keras runs Python code that such a file may hold (a `Lambda` layer is bytecode), and TensorFlow
    runs any operation, also one that writes files. So the classes of the layers and the operations
    of the graph are compared with lists of those that a model of clips needs, before anything is
    built.

    Args:
        directory: folder of the SavedModel.

    Returns:
        The Keras model, not compiled.

    Raises:
        FileNotFoundError: a file of it is missing.
        ValueError: a file is damaged, or holds a class or an operation that is not listed; one
            line that names both.
    """
    directory = pathlib.Path(directory)
    metadata_check.check(_parse(directory / METADATA, _metadata_message()), directory / METADATA)
    graph_check.check(_parse(directory / GRAPH, _graph_message()), directory / GRAPH)
    try:
        with tf.variable_creator_scope(_within(directory)):
            return tf.keras.models.load_model(directory, compile=False)
    except (MemoryError, tf.errors.ResourceExhaustedError):
        raise
    except Exception as error:  # Of whatever kind: Keras and TensorFlow do not expect damage.
        lines = printable(error).strip().splitlines() or [type(error).__name__]
        raise ValueError(
            f"The SavedModel does not load, it is damaged ({lines[0]}). Received: {directory}"
        ) from error


def _within(directory):
    """A creator of variables that refuses more of them than the files can hold values for.

    The settings of a layer may ask for any number of weights, and Keras would fill them first.
    """
    stored = sum(path.stat().st_size for path in (directory / "variables").glob("*"))
    left = 4 * stored + _SPARE_BYTES  # Keras makes some of them twice.

    def create(next_creator, **arguments):
        nonlocal left
        shape, dtype = tf.TensorShape(arguments.get("shape")), arguments.get("dtype")
        if shape.is_fully_defined():
            left -= math.prod(shape) * (tf.as_dtype(dtype).size if dtype else 4)
        if left < 0:
            raise ValueError(f"it asks for more weights than its {stored} bytes of variables hold")
        return next_creator(**arguments)

    return create


def _parse(path, message):
    from google.protobuf.message import DecodeError

    try:
        about = path.lstat()
    except FileNotFoundError as error:
        raise FileNotFoundError(
            f"A SavedModel that Keras wrote must have {path.name}. Received: {path}, which is "
            "missing"
        ) from error
    if not stat.S_ISREG(about.st_mode) or about.st_size > _MAX_BYTES:
        raise ValueError(
            f"A part of a SavedModel must be a plain file of at most {_MAX_BYTES / 1e9:.0f} GB. "
            f"Received: {path}"
        )
    try:
        message.ParseFromString(path.read_bytes())
    except DecodeError as error:
        raise ValueError(f"This file of a SavedModel is damaged. Received: {path}") from error
    return message


def _metadata_message():
    from keras.protobuf import saved_metadata_pb2

    return saved_metadata_pb2.SavedMetadata()


def _graph_message():
    from tensorflow.core.protobuf import saved_model_pb2

    return saved_model_pb2.SavedModel()
