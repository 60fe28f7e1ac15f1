"""Which variable of a checkpoint becomes which weight: planned whole, then carried out."""

import dataclasses
from collections.abc import Callable

import numpy as np
import tensorflow as tf


@dataclasses.dataclass(frozen=True)
class Step:
    """One weight and where its value comes from.

    Attributes:
        weight: the variable to fill.
        names: names of the variables in the checkpoint.
        convert: from their values to the weight's.
    """

    weight: tf.Variable
    names: tuple[str, ...]
    convert: Callable = lambda value: value


def carry_out(plan, variables):
    """Fills all weights of a plan, or none.

    Args:
        plan: the steps, one for each weight.
        variables: dict of name to array; each must be used.

    Raises:
        ValueError: variables that are missing, variables that are left over, or one of another
            shape than its weight.
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
