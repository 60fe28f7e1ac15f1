"""A model as a folder that TensorFlow Serving takes as it is."""

import pathlib

import numpy as np
import tensorflow as tf

from rstg_tf import files
from rstg_tf.hub.saved_model import TOLERANCE, labels_file
from rstg_tf.serving.signatures import make_signatures
from rstg_tf.serving.versions import check_version, new_version
from rstg_tf.serving.warmup import FILE, warmup_inputs, write_warmup


def export_model(subject, settings, output, version=None, keep=3):
    """Writes one more version of a model, whole or not at all.

    The folder holds `saved_model.pb`, `variables/`, `assets/labels.txt` and
    `assets.extra/tf_serving_warmup_requests`. It needs nothing of this library, and is loaded and
    asked once before it counts.

    Args:
        subject: what `rstg_tf.evaluation.subject.load_subject` returned.
        settings: `rstg_tf.serving.Settings`.
        output: folder of the model; its name is the model's on the server.
        version: number of the version, by default the next free one.
        keep: number of versions to keep there.

    Returns:
        `pathlib.Path` of the version.

    Raises:
        ValueError: a number that is not positive.
        FileExistsError: there is such a version.
        OSError: files can't be written there, or the disk is too full; before the work.
        RuntimeError: what was written does not predict what the model does.
    """
    output = pathlib.Path(output)
    check_version(output, version, keep)
    model = subject.model
    files.check_room(output.parent, num_bytes(model))
    files.check_temporary_room()
    names = subject.class_names or [f"class {index}" for index in range(model.num_classes)]
    signatures = make_signatures(model, names, settings)
    requests = warmup_inputs(model, settings)
    with new_version(output, version, keep) as (part, path):
        module = tf.Module()
        module.weights = list(model.variables)  # Not the model, of which Keras would save more.
        with labels_file(names) as file:
            module.labels = tf.saved_model.Asset(file)
            tf.saved_model.save(module, str(part), signatures)
        extra = part / "assets.extra"
        extra.mkdir()
        write_warmup(extra / FILE, output.name, requests)
        _check(part, signatures, requests)
    return path


def num_bytes(model):
    """Bytes that an export takes at least: the weights, and some MB of graphs."""
    return 2**22 + sum(value.dtype.size * value.shape.num_elements() for value in model.variables)


def _check(part, signatures, requests):
    """Replays the warm-up on what was written, and compares with the model."""
    loaded = tf.saved_model.load(str(part)).signatures
    found = {}
    for signature, inputs in requests.items():
        inputs = {name: tf.constant(value) for name, value in inputs.items()}
        found[signature] = loaded[signature](**inputs)
    expected = signatures["serving_default"](tf.constant(requests["serving_default"]["clips"]))
    error = np.abs(found["serving_default"]["logits"] - expected["logits"]).max()
    if not error <= TOLERANCE * max(1.0, np.abs(expected["logits"]).max()):
        raise RuntimeError(
            "An export must predict what the model does. "
            f"Received: logits that differ by {error:.2g}"
        )
