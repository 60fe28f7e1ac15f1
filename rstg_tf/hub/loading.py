"""Loading published models, and the one place where SavedModels are loaded.

What they hold is read as data first.
"""

import math
import os
import pathlib
import stat

import tensorflow as tf
from google.protobuf.message import DecodeError
from keras.protobuf import saved_metadata_pb2
from tensorflow.core.protobuf import saved_model_pb2

from rstg_tf.hub import graph_check, metadata_check
from rstg_tf.hub.entries import read_entry
from rstg_tf.hub.saved_model import GRAPH, METADATA
from rstg_tf.models import VideoClassifier
from rstg_tf.text import printable

_MAX_BYTES = 2**30
_SPARE_BYTES = 2**26  # Of weights beyond what the files hold.


def load_model(
    name_or_path: str | os.PathLike, zoo: str | os.PathLike | None = None
) -> VideoClassifier:
    """Loads a published model with its real layers, after checking its files.

    Unlike `keras.models.load_model`, which needs no `rstg_tf` but gives generic layers, this
    gives a `VideoClassifier`: `model.block`, `model.attention(clips)`, `model.step(...)`.

    Args:
        name_or_path: an entry of the zoo, or the path of a published SavedModel, which may be a
            stranger's: what could run code of its own is refused.
        zoo: see `list_models`.

    Returns:
        `rstg_tf.models.VideoClassifier`, not compiled.

    Raises:
        ValueError: no such model (the closest names are shown), a file that is missing, not listed
            or of another checksum (it is named), or a SavedModel of another kind.

    Example:
        >>> model = rstg_tf.load_model("interactions_rstg")
        >>> model(clips)["probabilities"].shape
        TensorShape([8, 20])
    """
    return read_entry(name_or_path, zoo, load_classifier)


def load_classifier(directory):
    """Loads a SavedModel as it is, as a `VideoClassifier`.

    Args:
        directory: folder of the SavedModel.

    Returns:
        `rstg_tf.models.VideoClassifier`, not compiled.

    Raises:
        ValueError: it holds another model, or what `load_saved_model` refuses.
    """
    model = load_saved_model(directory)
    kind = type(model).__name__
    if tf.keras.utils.get_registered_object(kind) is VideoClassifier:  # Keras gave up on it.
        raise ValueError(
            "The settings of a SavedModel's VideoClassifier must be those of its constructor. "
            f"Received: {directory}, whose settings build none"
        )
    if not isinstance(model, VideoClassifier):
        raise ValueError(
            f"The SavedModel must hold a VideoClassifier. Received: a {kind} in {directory}"
        )
    return model


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
    for name, message, check in (
        (METADATA, saved_metadata_pb2.SavedMetadata(), metadata_check.check),
        (GRAPH, saved_model_pb2.SavedModel(), graph_check.check),
    ):
        check(_parse(directory / name, message), directory / name)
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
