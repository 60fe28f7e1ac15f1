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
    """Yields the path of a `labels.txt` for `tf.saved_model.Asset` while a model is saved."""
    with temporary_folder() as scratch:
        labels = pathlib.Path(scratch) / LABELS
        for name in class_names:
            text.check_class_name(name, "the classes of the model")
        labels.write_text("".join(f"{name}\n" for name in class_names), encoding="utf-8")
        yield str(labels)


def read_class_names(directory):
    """Class names of a SavedModel in the order of the logits, None without any.

    A damaged file or an invalid name raises `ValueError`.
    """
    path = pathlib.Path(directory) / "assets" / LABELS
    return text.read_class_names(path) if path.is_file() else None


def weights_checksum(model):
    """Hexadecimal sha256 of a built model's weights that survives saving and loading.

    It covers the values and shapes of all weights, whatever their order.
    """
    digests = [
        hashlib.sha256(f"{array.dtype}{array.shape}".encode() + array.tobytes()).digest()
        for array in model.get_weights()
    ]
    return hashlib.sha256(b"".join(sorted(digests))).hexdigest()
