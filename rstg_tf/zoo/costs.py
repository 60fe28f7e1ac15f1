"""What a model costs: parameters, multiply-adds, and time on this machine."""

import time

import numpy as np
import tensorflow as tf

from rstg_tf.runs import environment

FILE_NAME = "costs.json"
_SECONDS = 1.0
_ROUNDS = 50
_BATCH_BYTES = 2**21  # Eight clips of 16 frames of 64x64; larger clips one by one.


def measure_costs(model, description):
    """Counts from what `describe` returned, and the speed measured here: a dict for JSON."""
    batch_size = int(np.clip(_BATCH_BYTES // np.prod(description.clip_shape), 1, 8))
    return {
        "clip_shape": list(description.clip_shape),
        **_counts(description),
        "graph": _counts(description, "graph"),
        "clips_per_second": _clips_per_second(model, description.clip_shape, batch_size),
        "batch_size": batch_size,
        "hardware": environment.hardware(),
    }


def _counts(description, kind=None):
    parameters = sum(description.total(field, kind) for field in ("trainable", "statistics"))
    return {
        "parameters": parameters,
        "multiply_adds": description.total("multiply_adds", kind),
    }


def _clips_per_second(model, clip_shape, batch_size):
    """Clips of a batch over the shortest time of several: other work of the machine adds to it."""
    rng = np.random.default_rng(0)
    clips = tf.constant(rng.integers(0, 256, (batch_size, *clip_shape), np.uint8))
    predict = tf.function(lambda clips: model(clips, training=False)["probabilities"])
    predict(clips)
    seconds = []
    while sum(seconds) < _SECONDS and len(seconds) < _ROUNDS:
        start = time.perf_counter()
        predict(clips).numpy()
        seconds.append(time.perf_counter() - start)
    return batch_size / min(seconds)
