"""Send: a message along every edge."""

import numpy as np
import tensorflow as tf

from rstg_tf.layers.configured import ConfiguredLayer
from rstg_tf.layers.folding import on_rows


@tf.keras.utils.register_keras_serializable("rstg_tf")
class SendMessages(ConfiguredLayer):
    """Two ReLU layers on `[v_source | p_source | v_target | p_target]` (paper, section 3.2).

    The first layer is linear before its ReLU, so it is computed once a node for either role and
    added along the edges; the positional part does not depend on the input at all.

    Args:
        units: message dimension `M`.
        edges: int array `[E, 2]` of (source, target).
        positional_maps: float array `[N, P * P]` of the targets, where messages should know their
            places; a source `j` stands at the place of node `j % N`.

    Call arguments:
        inputs: node features of `F` frames, of the sources `[F, S, D]` and of the targets
            `[F, N, D]`.

    Returns:
        Messages `[F, E, M]`.
    """

    def __init__(self, units, edges, positional_maps=None, **kwargs):
        super().__init__(**kwargs)
        self.units = units
        self.edges = np.asarray(edges, dtype=np.int64).reshape(-1, 2)
        self.positional_maps = (
            None if positional_maps is None else np.asarray(positional_maps, dtype=np.float64)
        )
        dense, policy = tf.keras.layers.Dense, self.dtype_policy
        self.source = dense(units, use_bias=False, name="source", dtype=policy)
        self.target = dense(units, name="target", dtype=policy)
        self.hidden = dense(units, activation="relu", name="hidden", dtype=policy)

    def build(self, input_shape):
        """Creates the weights of both layers."""
        sources, targets = input_shape
        self.source.build(sources)
        self.target.build(targets)
        self.hidden.build((None, self.units))
        if self.positional_maps is not None:
            shape = (self.positional_maps.shape[-1], self.units)
            self.source_place = self.add_weight("source_place", shape)
            self.target_place = self.add_weight("target_place", shape)
        super().build(input_shape)

    def call(self, inputs):
        """Adds both roles along the edges by one product with the incidence matrix."""
        sources, targets = inputs
        by, to = on_rows(self.source, sources), on_rows(self.target, targets)
        num_sources, num_targets = sources.shape[-2], targets.shape[-2]
        if self.positional_maps is not None:
            maps = tf.constant(self.positional_maps, by.dtype)
            by += tf.tile(maps @ self.source_place, [num_sources // num_targets, 1])
            to += maps @ self.target_place
        incidence = np.zeros((len(self.edges), num_sources + num_targets))
        incidence[np.arange(len(self.edges)), self.edges[:, 0]] = 1.0
        incidence[np.arange(len(self.edges)), num_sources + self.edges[:, 1]] = 1.0
        pairs = tf.matmul(tf.constant(incidence, by.dtype), tf.concat([by, to], axis=-2))
        return on_rows(self.hidden, tf.nn.relu(pairs))
