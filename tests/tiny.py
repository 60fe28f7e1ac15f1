"""Experiments that train in seconds, and what their checkpoints hold."""

import contextlib
from unittest import mock

import numpy as np
import tensorflow as tf

from rstg_tf import experiments

OVERRIDES = {
    "model": {
        "backbone": {"simple_conv": {"filters": [4, 8, 8]}},
        "head": {"rstg": {"node_dim": 8, "message_dim": 8, "iterations": 1, "scales": [2, 1]}},
    },
    "train_data": {
        "global_batch_size": 4,
        "source": {"interactions": {"size": 32, "frames": 4}},
    },
    "validation_data": {
        "global_batch_size": 4,
        "num_examples": 6,
        "source": {"interactions": {"size": 32, "frames": 4}},
    },
    "trainer": {
        "train_steps": 4,
        "checkpoint_interval": 2,
        "validation_interval": 2,
        "optimizer_config": {"ema": {"average_decay": 0.5}},
    },
}


def tiny_experiment(name="interactions_rstg", overrides=None):
    """An experiment on Interactions, cut down, with further overrides."""
    config = experiments.apply_overrides(experiments.get_experiment(name), OVERRIDES)
    return experiments.apply_overrides(config, overrides or {})


def as_flag(overrides=None):
    """The same as the value of `--params-override`."""
    flat = []

    def walk(tree, prefix):
        for key, value in tree.items():
            if isinstance(value, dict):
                walk(value, f"{prefix}{key}.")
            else:
                flat.append(f"{prefix}{key}={value}".replace(" ", ""))

    walk(OVERRIDES, "")
    walk(overrides or {}, "")
    return ",".join(flat)


@contextlib.contextmanager
def chance_of_nothing():
    """A few steps teach nothing: here, a model that gets any clip right is better than chance."""
    with mock.patch("rstg_tf.evaluation.data.chance_level", lambda source: 0.0):
        yield


def assert_same_checkpoint(found, expected):
    """The values of two trainings that should be one are the same bit by bit."""
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        np.testing.assert_array_equal(found[name], value, name)


def checkpoint_values(directory):
    """All values of the latest checkpoint, but the time that the training took."""
    reader = tf.train.load_checkpoint(tf.train.latest_checkpoint(directory))
    return {
        name: reader.get_tensor(name)
        for name in reader.get_variable_to_shape_map()
        if name != "_CHECKPOINTABLE_OBJECT_GRAPH" and not name.startswith("seconds")
    }
