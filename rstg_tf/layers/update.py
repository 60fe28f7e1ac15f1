"""Update: a node takes in what it gathered."""

import tensorflow as tf

from rstg_tf.layers.configured import ConfiguredLayer
from rstg_tf.layers.normalization import make_norm, normalize


@tf.keras.utils.register_keras_serializable("rstg_tf")
class UpdateNodes(ConfiguredLayer):
    """ReLU layers on `[v | gathered]` (paper, section 3.2).

    Args:
        units: node dimension `D`.
        num_layers: number of layers.
        scale_sizes: numbers of nodes of each scale; where given, each scale has weights of its own.
        norm: normalisation after the last layer.
        iterations: how often the layer runs, for `norm="iteration_batch"`.

    Call arguments:
        inputs: node features `[F, N, D]` and gathered messages `[F, N, M]`.
        iteration: which of its runs this is, from 0.

    Returns:
        Node features `[F, N, D]`.
    """

    def __init__(self, units, num_layers=2, scale_sizes=None, norm="none", iterations=1, **kwargs):
        super().__init__(**kwargs)
        self.units = units
        self.num_layers = num_layers
        self.scale_sizes = None if scale_sizes is None else tuple(scale_sizes)
        self.norm = norm
        self.iterations = iterations
        self.mlps = [
            [
                tf.keras.layers.Dense(
                    units, activation="relu", name=f"scale{scale}_{index}", dtype=self.dtype_policy
                )
                for index in range(num_layers)
            ]
            for scale in range(len(self.scale_sizes or (None,)))
        ]
        self.normalization = make_norm(
            norm, "normalization", self.dtype_policy, iterations=iterations
        )

    def build(self, input_shape):
        """Creates the weights of every layer."""
        nodes, gathered = input_shape
        for mlp in self.mlps:
            for index, layer in enumerate(mlp):
                layer.build((None, self.units if index else nodes[-1] + gathered[-1]))
        self.normalization.build((None, nodes[-2], self.units))
        super().build(input_shape)

    def call(self, inputs, iteration=0, training=None):
        """Runs the nodes of each scale through its layers."""
        features = tf.concat(inputs, axis=-1)
        parts = tf.split(features, self.scale_sizes, axis=-2) if self.scale_sizes else [features]
        updated = []
        for part, mlp in zip(parts, self.mlps, strict=True):
            # As a matrix, see `on_rows`.
            rows = tf.reshape(part, [-1, part.shape[-1]])
            for layer in mlp:
                rows = layer(rows)
            updated.append(tf.reshape(rows, [-1, part.shape[-2], self.units]))
        return normalize(self.normalization, tf.concat(updated, axis=-2), iteration, training)
