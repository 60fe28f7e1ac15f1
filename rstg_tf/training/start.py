"""What a training starts from: weights that were trained before, or its own last checkpoint."""

import logging
import re
import warnings

import tensorflow as tf

from rstg_tf.convert import load_backbone
from rstg_tf.hub.entries import is_published
from rstg_tf.hub.loading import load_model
from rstg_tf.hub.manifest import read_manifest
from rstg_tf.runs import RunFolder, restore
from rstg_tf.runs.checkpoints import (
    CheckpointFolder,
    best_step,
    check_checkpoint,
    restore_checkpoint,
)
from rstg_tf.text import printable

_LOG = logging.getLogger(__name__)


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
    elif is_published(path) or path in read_manifest():
        trained = load_model(path)
    elif tf.io.gfile.glob(f"{path}*"):  # A checkpoint may lie in a bucket.
        load_backbone(classifier.backbone, path)
        return
    else:
        raise FileNotFoundError(
            "trainer.init_checkpoint must be the folder of a training, a published model (one of "
            f"{list(read_manifest())}, or a folder), or the prefix of a TensorFlow 1 checkpoint. "
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


def has_begun(folder, interval):
    """Whether a checkpoint of a training lies in a `RunFolder`, one every `interval` steps.

    Raises a ValueError where none does, but what else lies there was written after one; or where
    its config is missing.
    """
    begun = bool(CheckpointFolder(folder.last).steps())
    traces = [] if begun else _traces(folder, interval)
    if traces:
        raise ValueError(
            "The folder holds a training whose checkpoints are missing; put them back into "
            f"{folder.last}, or take another folder. Received: {folder.path} with "
            f"{', '.join(traces)}"
        )
    if begun and not folder.config.exists():
        raise ValueError(
            "The folder holds a training whose config.yaml is missing; put it back, or take "
            f"another folder. Received: {folder.path}"
        )
    return begun


def restore_newest(state, folder):
    """Restores the newest checkpoint in a `RunFolder` that can be read, if there is any.

    One whose best checkpoint is damaged is passed over, too: the training would end without its
    best weights. What is passed over is logged; where none can be read, it raises a ValueError.
    """
    last, best = CheckpointFolder(folder.last), CheckpointFolder(folder.best)
    errors = []
    for step in last.steps():
        try:
            if validated := best_step(last.prefix(step)):
                check_checkpoint(best.prefix(validated))
            restore_checkpoint(state, last.prefix(step))
        except ValueError as error:
            errors.append(str(error))
            continue
        for message in errors:
            _LOG.warning("%s; resuming from step %d", printable(message), step)
        return
    if errors:
        raise ValueError(
            "The training can't be resumed, since none of its checkpoints can be read; put a copy "
            f"of them back, or take another folder. {errors[0]}"
        )


def _traces(folder, interval):
    """Names of what was written after a checkpoint, within the folder.

    A training that is killed while it saves the first time leaves files of that step.
    """
    traces = [path for path in (folder.summary, folder.last / "checkpoint") if path.exists()]
    if folder.log.exists() and folder.log.read_bytes().count(b"\n") > 1:
        traces.append(folder.log)
    for path in (*folder.last.glob("ckpt-*"), *folder.best.glob("ckpt-*")):
        step = re.match(r"ckpt-(\d+)", path.name)
        if step and int(step[1]) > interval:
            traces.append(path)
    return [str(path.relative_to(folder.path)) for path in traces]
