"""The weights that a training starts from."""

import warnings

import tensorflow as tf

from rstg_tf.convert import load_backbone
from rstg_tf.hub.loading import is_published, list_models, load_model
from rstg_tf.runs.restore import restore
from rstg_tf.runs.run_folder import RunFolder


def warm_start(classifier, path):
    """Starts a classifier from weights that were trained before.

    Args:
        classifier: a fresh `VideoClassifier`.
        path: folder of a training, whose best weights are taken, or name or folder of a published
            model: every one of its layers (backbone, head, norm, classifier) whose weights fit is
            taken, a warning names those that start fresh. Anything else is taken for a TensorFlow
            1 checkpoint of the authors' code, whose backbone is taken, see
            `rstg_tf.convert.load_backbone`.

    Raises:
        FileNotFoundError: if there is nothing at the path.
        ValueError: if it can't be read, or neither its backbone nor its head fits.
    """
    is_training = RunFolder(path).config.exists() and RunFolder(path).best.exists()
    if is_training and not is_published(path):
        trained = restore(path)[0]
    elif is_published(path) or path in list_models():
        trained = load_model(path)
    elif tf.io.gfile.glob(f"{path}*"):  # A checkpoint may lie in a bucket.
        load_backbone(classifier.backbone, path)
        return
    else:
        raise FileNotFoundError(
            "trainer.init_checkpoint must be the folder of a training, a published model (one of "
            f"{list_models()}, or a folder), or the prefix of a TensorFlow 1 checkpoint. "
            f"Received: {path}, where there is nothing"
        )
    sources = {layer.name: layer for layer in trained.layers}
    fresh = []
    for layer in classifier.layers:
        source = sources.get(layer.name)
        if source is not None and _weights(source) == _weights(layer):
            layer.set_weights(source.get_weights())
        elif layer.weights:
            fresh.append(layer.name)
    if {"backbone", "head"} <= set(fresh):
        raise ValueError(
            "A training starts from a model whose backbone or head has the same weights as its "
            f"own. Received: {path}, where both have others"
        )
    if fresh:
        warnings.warn(f"{path} has other weights; these start fresh: {fresh}", stacklevel=2)


def _weights(layer):
    """Names within the model, and shapes, of a layer's weights."""
    return [(weight.name.split("/", 1)[1], weight.shape) for weight in layer.weights]
