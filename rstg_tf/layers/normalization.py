"""Normalisations that the graph stages choose from."""

import contextlib

import tensorflow as tf

from rstg_tf.layers.configured import ConfiguredLayer

NORMS = ("none", "layer", "batch", "iteration_batch", "clip")


@tf.keras.utils.register_keras_serializable("rstg_tf")
class ClipNormalization(ConfiguredLayer):
    """Layer normalisation over every axis but the first, with scale and shift per channel.

    The authors' released models normalise so. Over node features `[B, T, N, D]` it mixes all time
    steps of a clip, so a block that uses it is not causal.

    Args:
        epsilon: added to the variance.
        shift_first: `gamma * (x + beta)` instead of `gamma * x + beta`.
        gamma_initializer: initializer of the scale.

    Call arguments:
        inputs: float tensor `[B, ..., C]`.

    Returns:
        A tensor of the same shape.
    """

    def __init__(self, epsilon=1e-12, shift_first=False, gamma_initializer="ones", **kwargs):
        super().__init__(**kwargs)
        self.epsilon = epsilon
        self.shift_first = shift_first
        self.gamma_initializer = tf.keras.initializers.get(gamma_initializer)

    def build(self, input_shape):
        """Creates scale and shift, one value a channel."""
        channels = input_shape[-1]
        self.gamma = self.add_weight("gamma", (channels,), initializer=self.gamma_initializer)
        self.beta = self.add_weight("beta", (channels,), initializer="zeros")
        super().build(input_shape)

    def call(self, inputs):
        """Normalises in float32, whatever the compute type: epsilon vanishes in half precision."""
        x = tf.cast(inputs, tf.float32)
        axes = list(range(1, inputs.shape.rank))
        mean, variance = tf.nn.moments(x, axes, keepdims=True)
        x = (x - mean) * tf.math.rsqrt(variance + self.epsilon)
        gamma, beta = tf.cast(self.gamma, x.dtype), tf.cast(self.beta, x.dtype)
        x = gamma * (x + beta) if self.shift_first else gamma * x + beta
        return tf.cast(x, inputs.dtype)


@tf.keras.utils.register_keras_serializable("rstg_tf")
class IterationBatchNormalization(ConfiguredLayer):
    """Batch normalisation in a stage that runs several times with the same weights.

    Scale and shift are shared as the stage's weights are. The statistics for inference are kept
    for each iteration by itself, as Recurrent Batch Normalization does (Cooijmans et al., ICLR
    2017): those of one iteration are not those of the next, so an average over all of them would
    be that of none, and a model would be another one in inference than in training.

    Args:
        iterations: how often the stage runs.

    Call arguments:
        inputs: float tensor `[..., C]`.
        iteration: which run of the stage this is, from 0.
        training: whether to normalise by the batch, and learn its statistics.

    Returns:
        A tensor of the same shape.

    Raises:
        ValueError: there is no such iteration.
    """

    def __init__(self, iterations, **kwargs):
        super().__init__(**kwargs)
        self.iterations = iterations
        self._statistics = [
            tf.keras.layers.BatchNormalization(
                center=False,
                scale=False,
                synchronized=True,
                name=f"iteration{index}",
                dtype=self.dtype_policy,
            )
            for index in range(iterations)
        ]

    def build(self, input_shape):
        """Creates scale and shift, and the statistics of every iteration."""
        channels = input_shape[-1]
        self.gamma = self.add_weight("gamma", (channels,), initializer="ones")
        self.beta = self.add_weight("beta", (channels,), initializer="zeros")
        for statistics in self._statistics:
            statistics.build(input_shape)
        super().build(input_shape)

    def call(self, inputs, iteration=0, training=None):
        """Normalises by the statistics of one iteration."""
        if not 0 <= iteration < self.iterations:
            raise ValueError(
                f"`iteration` must be one of {self.iterations}, from 0. Received: {iteration}"
            )
        x = self._statistics[iteration](inputs, training=training)
        return x * tf.cast(self.gamma, x.dtype) + tf.cast(self.beta, x.dtype)


def normalize(norm, inputs, iteration, training):
    """Runs a layer of `make_norm` in a stage that runs several times."""
    of_iteration = {"iteration": iteration} if hasattr(norm, "iterations") else {}
    return norm(inputs, training=training, **of_iteration)


def make_norm(kind, name, dtype, gamma_initializer="ones", shift_first=False, iterations=None):
    """Makes the normalisation layer of a name in `NORMS`; `"none"` is the identity.

    `"layer"` normalises over channels, `"batch"` over all replicas. `"iteration_batch"` is
    `"batch"` where `iterations` is None, so in layers that run once.
    """
    if kind == "none":
        return tf.keras.layers.Activation("linear", name=name, dtype=dtype)
    if kind == "layer":
        return tf.keras.layers.LayerNormalization(
            epsilon=1e-5, gamma_initializer=gamma_initializer, name=name, dtype=dtype
        )
    if kind == "iteration_batch" and iterations is not None:
        return IterationBatchNormalization(iterations, name=name, dtype=dtype)
    if kind in ("batch", "iteration_batch"):
        return tf.keras.layers.BatchNormalization(
            synchronized=True, gamma_initializer=gamma_initializer, name=name, dtype=dtype
        )
    if kind == "clip":
        return ClipNormalization(
            shift_first=shift_first, gamma_initializer=gamma_initializer, name=name, dtype=dtype
        )
    raise ValueError(f"a normalisation must be one of {NORMS}. Received: {kind!r}")


@contextlib.contextmanager
def frozen_statistics(layer):
    """Lets batch normalisation in `layer` use the statistics of a batch without learning them."""
    norms = [
        module
        for module in layer.submodules
        if isinstance(module, tf.keras.layers.BatchNormalization)
    ]
    momenta = [norm.momentum for norm in norms]
    for norm in norms:
        norm.momentum = 1.0
    try:
        yield
    finally:
        for norm, momentum in zip(norms, momenta, strict=True):
            norm.momentum = momentum
