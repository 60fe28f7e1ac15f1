"""What all layers of the package share: a config by their constructor's arguments, and checks."""

import inspect

import numpy as np
import tensorflow as tf


class ConfiguredLayer(tf.keras.layers.Layer):
    """A layer that keeps each argument of its constructor in an attribute of the same name."""

    def get_config(self):
        """Constructor arguments."""
        names = {
            name: None  # A set in order.
            for one in reversed(type(self).__mro__)
            if issubclass(one, ConfiguredLayer) and "__init__" in vars(one)
            for name, parameter in inspect.signature(one.__init__).parameters.items()
            if name != "self" and parameter.kind is not parameter.VAR_KEYWORD
        }
        return {
            **super().get_config(),
            **{name: _plain(getattr(self, name)) for name in names if hasattr(self, name)},
        }


def _plain(value):
    if isinstance(value, np.ndarray):
        return value.tolist()
    if isinstance(value, tf.keras.initializers.Initializer):
        return tf.keras.initializers.serialize(value)
    return value


def check_choice(choices, **argument):
    """Raises a ValueError if an argument, given by keyword, is not one of its choices."""
    ((name, value),) = argument.items()
    if value not in choices:
        raise ValueError(f"`{name}` must be one of {choices}. Received: {name}={value!r}")
