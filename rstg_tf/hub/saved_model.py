"""A published SavedModel's names of classes, and the checksum of its weights."""

import contextlib
import hashlib
import pathlib

from rstg_tf import text
from rstg_tf.files import temporary_folder

GRAPH, METADATA, LABELS = "saved_model.pb", "keras_metadata.pb", "labels.txt"
TOLERANCE = 1e-5  # Of the largest output: how far a saved model may be from the model in memory.


@contextlib.contextmanager
def labels_file(class_names):
    """Gives the path of a file `labels.txt`, for `tf.saved_model.Asset`, while a model is saved.

    Args:
        class_names: names of the classes, one a line in the file.

    Yields:
        The path, a str.
    """
    with temporary_folder() as scratch:
        labels = pathlib.Path(scratch) / LABELS
        for name in class_names:
            text.check_class_name(name, "the classes of the model")
        labels.write_text("".join(f"{name}\n" for name in class_names), encoding="utf-8")
        yield str(labels)


def read_class_names(directory):
    """Reads the names of the classes of a SavedModel.

    Args:
        directory: the SavedModel.

    Returns:
        List of names in the order of the logits, or None where it has none.

    Raises:
        ValueError: the file is damaged, or a name is none.
    """
    path = pathlib.Path(directory) / "assets" / LABELS
    return text.read_class_names(path) if path.is_file() else None


def weights_checksum(model):
    """Computes a checksum of a model's weights that survives saving and loading.

    Args:
        model: a built Keras model.

    Returns:
        sha256 in hexadecimal digits, over the values and shapes of all weights in any order.
    """
    digests = [
        hashlib.sha256(f"{array.dtype}{array.shape}".encode() + array.tobytes()).digest()
        for array in model.get_weights()
    ]
    return hashlib.sha256(b"".join(sorted(digests))).hexdigest()
