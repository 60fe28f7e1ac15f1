"""A model's predictions over a data set, and what they are worth."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from rstg_tf.data.source import Facts, find_facts
from rstg_tf.evaluation.report import Report


def evaluate(
    model: Callable,
    dataset: tf.data.Dataset,
    class_names: Sequence[str],
    num_clips: int | None = None,
    chance: float | None = None,
    details: dict[str, Any] | None = None,
    progress: bool = True,
    facts: Facts | None = None,
) -> Report:
    """Predicts every clip of a data set and compares with its label.

    Args:
        model: Keras model from uint8 clips `[B, T, H, W, C]` to a dict with `logits`
            `[B, classes]`, or to the scores themselves.
        dataset: finite `tf.data.Dataset` of `(clips, labels)`, labels int64 `[B]`.
        class_names: names of the classes in the order of the logits.
        num_clips: number of clips of `dataset`, for the progress bar; asked of it by default.
        chance: accuracy to compare with, where it is not that of `facts`.
        details: a dict for JSON that says what is evaluated and how.
        progress: whether to show a progress bar on the error stream.
        facts: what `source.facts` says; by default those of the generator of these classes, with
            a chance of one over their number.

    Returns:
        A `Report`.

    Raises:
        ValueError: an empty data set, a label that is no class, another number of scores than
            classes, or a score that is not a number.
    """
    from tqdm import tqdm

    class_names = tuple(class_names)
    if facts is None:
        facts = find_facts(class_names, {})._replace(chance=1 / len(class_names))
    labels, scores = [], []
    predict = tf.function(
        lambda clips: _scores(model(clips, training=False)), reduce_retracing=True
    )
    with tqdm(total=num_clips, unit="clip", desc="evaluating", disable=not progress) as bar:
        for clips, batch_labels in dataset:
            labels.append(batch_labels.numpy())
            scores.append(_checked(predict(clips).numpy(), labels[-1], class_names))
            bar.update(len(labels[-1]))
    if not labels:
        raise ValueError("There must be at least one clip to evaluate. Received: none")
    return Report(
        class_names=class_names,
        labels=np.concatenate(labels),
        scores=np.concatenate(scores),
        twins=facts.twins,
        no_pair=facts.no_pair,
        chance=facts.chance if chance is None else chance,
        details=details or {},
    )


def _scores(outputs):
    return outputs["logits"] if isinstance(outputs, dict) else outputs


def _checked(scores, labels, class_names):
    if scores.ndim != 2 or scores.shape[1] != len(class_names):
        raise ValueError(
            f"A model of {len(class_names)} classes gives scores [batch, {len(class_names)}]. "
            f"Received: scores of shape {scores.shape}"
        )
    if not np.isfinite(scores).all():
        raise ValueError("Scores must be finite numbers. Received: NaN or infinity")
    if labels.min() < 0 or labels.max() >= len(class_names):
        raise ValueError(
            f"Labels must be from 0 to {len(class_names) - 1}. "
            f"Received: {labels.min()} ... {labels.max()}"
        )
    return scores
