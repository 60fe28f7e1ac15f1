"""TensorFlow 1 checkpoints as the authors' code saves them, and weights filled from them.

Which variable becomes which weight is planned whole, in steps, then carried out. In what makes
steps, `flags` is a dict of the authors' flags, `scope` what names of variables begin with.
"""

import dataclasses
import math
import pathlib
from collections.abc import Callable

import numpy as np
import tensorflow as tf

from rstg_tf.convert.flags import is_constant

_OPAQUE = "/opaque_kernel"
_CELL = "/rnn/multi_rnn_cell/cell_0/cudnn_compatible_lstm_cell/"


def read_checkpoint(path):
    """Reads a network's variables: dict of name to array.

    The path is the prefix of the checkpoint (`.../model_5000.ckpt`), or the folder that holds it.
    Optimizer slots, step counters and computed constants are passed over. An LSTM that is there in
    cuDNN's opaque form alone is brought into the canonical form. Raises a FileNotFoundError where
    there is none, a ValueError where it can't be read.
    """
    prefix = str(path)
    if pathlib.Path(path).is_dir():
        prefix = tf.train.latest_checkpoint(prefix) or prefix
    if not tf.io.gfile.glob(f"{tf.io.gfile.join(prefix)}.index"):
        raise FileNotFoundError(
            f"A checkpoint must have a file PREFIX.index. Received: {prefix} (without .index, "
            ".meta or .data at the end)"
        )
    try:
        reader = tf.train.load_checkpoint(prefix)
        names = reader.get_variable_to_shape_map()
        values = {name: reader.get_tensor(name) for name in names if _is_weight(name)}
    except (tf.errors.OpError, IndexError, RuntimeError, ValueError) as error:
        reason = str(error).strip().split("\n")[0]
        raise ValueError(f"{prefix} is no readable checkpoint: {reason}") from error
    for name in [name for name in values if name.endswith(_OPAQUE)]:
        cell = name.removesuffix(_OPAQUE) + _CELL
        opaque = values.pop(name)
        if cell + "kernel" not in values:
            values[cell + "kernel"], values[cell + "bias"] = canonical_lstm(opaque, name)
    return values


def canonical_lstm(opaque, name="opaque_kernel"):
    """Unpacks the weights of a one-layer cuDNN LSTM whose inputs are as wide as its states.

    cuDNN has the gates input, forget, candidate, output; first all matrices of the inputs, then
    those of the states, then both biases: float `[8 * D * D + 8 * D]`, else it raises a ValueError.
    Returns kernel `[2 * D, 4 * D]` and bias `[4 * D]` with the gates input, candidate, forget,
    output.
    """
    size = opaque.size
    dim = (math.isqrt(64 + 32 * size) - 8) // 16
    if 8 * dim * (dim + 1) != size:
        raise ValueError(
            f"{name} must hold 8 D (D + 1) numbers, as an LSTM whose inputs are as wide as its "
            f"states. Received: {size}"
        )
    order = [0, 2, 1, 3]
    matrices, biases = np.split(opaque.reshape(-1), [8 * dim * dim])
    matrices = matrices.reshape(2, 4, dim, dim)[:, order]  # [input or state, gate, out, in]
    kernel = matrices.transpose(0, 3, 1, 2).reshape(2 * dim, 4 * dim)
    bias = biases.reshape(2, 4, dim)[:, order].sum(axis=0).reshape(-1)
    return kernel, bias


@dataclasses.dataclass(frozen=True)
class Step:
    """One weight, the variables in the checkpoint, and what makes its value of theirs."""

    weight: tf.Variable
    names: tuple[str, ...]
    convert: Callable = lambda value: value


def carry_out(plan, variables):
    """Fills all weights of a plan, an iterable of steps, from a dict of name to array, or none.

    Raises a ValueError for variables that are missing or left over, or of another shape than the
    weight.
    """
    plan = list(plan)
    needed = {name for step in plan for name in step.names}
    missing, left = sorted(needed - set(variables)), sorted(set(variables) - needed)
    if missing or left:
        lines = [f"  missing: {name}" for name in missing]
        lines += [f"  left over: {name} {np.shape(variables[name])}" for name in left]
        raise ValueError(
            f"every variable must find its place: {len(missing)} that the flags ask for are "
            f"missing, {len(left)} are there that they leave no place for. Received:\n"
            + "\n".join(lines)
        )
    values = [step.convert(*(np.asarray(variables[name]) for name in step.names)) for step in plan]
    for step, value in zip(plan, values, strict=True):
        if tuple(step.weight.shape) != value.shape:
            raise ValueError(
                f"{', '.join(step.names)} must make a weight {step.weight.name} of shape "
                f"{tuple(step.weight.shape)}. Received: shape {value.shape}"
            )
    for step, value in zip(plan, values, strict=True):
        step.weight.assign(value)


def as_matrix(value):
    """A dense layer's kernel `[in, out]`, which the released code stores as a convolution's."""
    return value.reshape(value.shape[-2:])


def dense(layer, name):
    """Steps of a dense layer."""
    yield Step(layer.kernel, (f"{name}/kernel",), as_matrix)
    yield Step(layer.bias, (f"{name}/bias",))


def normalization(layer, name):
    """Steps of a normalisation: its weights bear the same names on both sides."""
    for weight in layer.weights:
        yield Step(weight, (f"{name}/{weight.name.split('/')[-1].removesuffix(':0')}",))


def _is_weight(name):
    leaf = name.rsplit("/", 1)[-1]
    slots = ("Momentum", "Adam", "Adam_1", "ExponentialMovingAverage")
    return name != "global_step" and leaf not in slots and not is_constant(name)
