"""What a server answered, checked before it is believed: the same for gRPC and REST."""

import re

import numpy as np
import tensorflow as tf

from rstg_tf.serving.errors import WrongAnswer, wrong_answer
from rstg_tf.text import check_class_name

_ROUNDING = 1e-3  # Of probabilities, those of half-precision models included.
_STATES = ("UNKNOWN", "START", "LOADING", "AVAILABLE", "UNLOADING", "END")
_FACTS = ("frames", "size", "short_side", "stride", "channels")


def spec_of(shape, dtype):
    """Makes a `tf.TensorSpec`; a ValueError where there can be no such array."""
    try:
        spec = tf.TensorSpec(shape, dtype)
        np.dtype(spec.dtype.as_numpy_dtype)
    except (TypeError, OverflowError, KeyError) as error:
        raise ValueError(f"type {dtype} of shape {shape}") from error
    return spec


def check_outputs(outputs, specs, rows, address):
    """Checks a signature's outputs, a dict of arrays, against `rows`, the length of the batch sent.

    `specs` is a dict from name to `tf.TensorSpec`, or None where the server did not describe them.
    Raises a WrongAnswer where one is missing, of another type or shape, or not finite.
    """
    if specs is not None and set(outputs) != set(specs):
        raise WrongAnswer(
            f"the outputs {sorted(outputs)} where {sorted(specs)} are expected", address
        )
    for name, value in outputs.items():
        spec = specs and specs[name]
        if spec and not (
            value.dtype == spec.dtype.as_numpy_dtype and spec.shape.is_compatible_with(value.shape)
        ):
            raise WrongAnswer(
                f"{name} {value.dtype} of shape {value.shape} where {spec.dtype.name} of shape "
                f"{spec.shape} is expected",
                address,
            )
        if not value.shape or len(value) != rows:
            raise WrongAnswer(f"{name} of shape {value.shape} for {rows} row(s) sent", address)
        if value.dtype != object and not _is_finite(value):
            raise WrongAnswer(f"{name} with numbers that are not finite", address)


def check_probabilities(outputs, address):
    """Checks what a classification consists of, after `check_outputs`.

    These are `classes` and `scores` `[B, top]`, `probabilities` and `logits` `[B, classes]`, maybe
    others. Raises a WrongAnswer where one is missing, their shapes do not fit each other, or a
    probability is none.
    """
    kinds = {"classes": "O", "scores": "f", "probabilities": "f", "logits": "f"}
    for name, kind in kinds.items():
        if name not in outputs:
            raise WrongAnswer(f"the outputs {sorted(outputs)} without {name!r}", address)
        value = outputs[name]
        if value.dtype.kind != kind or value.ndim != 2 or not value.size:
            raise WrongAnswer(f"{name} {value.dtype} of shape {value.shape}", address)
    shapes = {name: outputs[name].shape for name in kinds}
    fits = shapes["probabilities"] == shapes["logits"] and shapes["classes"] == shapes["scores"]
    if not fits or shapes["classes"][1] > shapes["logits"][1]:
        raise WrongAnswer(f"shapes that do not fit each other: {shapes}", address)
    for name in ("scores", "probabilities"):
        value = outputs[name]
        if value.min() < 0 or value.max() > 1 + _ROUNDING:
            wrong = value.flat[np.argmax(np.abs(value - 0.5))]
            raise WrongAnswer(f"{name} with {wrong:g}, which is not a probability", address)
    for name in set(outputs["classes"].flat):
        text_of(name, "classes", address)


def description_of(outputs, address):
    """Makes the description of a model of what its signature `describe` answered, or raises."""
    for name in (*_FACTS, "sampling", "labels"):
        if name not in outputs:
            raise WrongAnswer(f"a description without {name!r}", address)
        value, rank = outputs[name], 2 if name == "labels" else 1
        kind = "iu" if name in _FACTS else "O"
        if value.dtype.kind not in kind or value.ndim != rank or not value.size:
            raise WrongAnswer(
                f"a description with {name} {value.dtype} of shape {value.shape}", address
            )
    facts = {name: int(outputs[name][0]) for name in _FACTS}
    for name, value in facts.items():
        if value < 1:
            raise WrongAnswer(f"a description with {name}={value}", address)
    sampling = text_of(outputs["sampling"][0], "sampling", address)
    labels = [text_of(label, "labels", address) for label in outputs["labels"][0]]
    return {**facts, "sampling": sampling, "labels": labels}


def text_of(value, what, address):
    """Decodes a name that a server sent, one line of text."""
    with wrong_answer(f"{what} with an invalid name", address, (ValueError, AttributeError)):
        text = value.decode()
        check_class_name(text, what)
    return text


def versions_of(states, address):
    """Makes a dict from number to state; a WrongAnswer where one is no number or unknown."""
    for version, state in states:
        if not re.fullmatch("[0-9]{1,19}", version) or state not in _STATES:
            raise WrongAnswer(f"version {version!r} in state {state!r}", address)
    return {int(version): state for version, state in states}


def _is_finite(value):
    try:
        return np.isfinite(value.astype(np.float64)).all()
    except (TypeError, ValueError):  # No numbers.
        return False
