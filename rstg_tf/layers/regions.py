"""From a feature map to node features and back."""

import tensorflow as tf

from rstg_tf.graph import SpaceGraph
from rstg_tf.layers.configured import ConfiguredLayer


@tf.keras.utils.register_keras_serializable("rstg_tf")
class RegionPooling(ConfiguredLayer):
    """Averages a feature map over each region of a graph (paper, section 3.1).

    Args:
        scales: grids of the graph, see `rstg_tf.SpaceGraph`.

    Call arguments:
        inputs: feature map `[B, T, H, W, C]`, any sizes.

    Returns:
        Node features `[B, T, N, C]`.
    """

    def __init__(self, scales=(3, 2, 1), **kwargs):
        super().__init__(**kwargs)
        self.graph = SpaceGraph(scales)
        self.scales = self.graph.scales

    def call(self, inputs):
        """One product with the pooling weights reads the map once for all scales."""
        batch, time, height, width = tf.unstack(tf.shape(inputs)[:4])
        weights = tf.concat(
            [
                _kron(_area_weights(height, rows), _area_weights(width, columns))
                for rows, columns in self.scales
            ],
            axis=0,
        )
        pixels = tf.reshape(inputs, [batch * time, height * width, inputs.shape[-1]])
        nodes = tf.matmul(tf.cast(weights, inputs.dtype), pixels)
        nodes = tf.reshape(nodes, [batch, time, self.graph.num_nodes, inputs.shape[-1]])
        return tf.ensure_shape(nodes, [*inputs.shape[:2], *nodes.shape[2:]])


@tf.keras.utils.register_keras_serializable("rstg_tf")
class RegionUnpooling(ConfiguredLayer):
    """Writes every node back over its region; scales are summed (paper, section 3.4).

    Each cell of the map takes the area-weighted average of the grid cells that it covers. With
    `layer_norm` each cell is then normalised over its channels. A cell is a weighted sum of nodes,
    so its mean and variance follow from those of the nodes, and the map is written only once.

    Args:
        scales: grids of the graph, see `rstg_tf.SpaceGraph`.
        layer_norm: whether to normalise, with a scale that starts at zero and a shift.
        epsilon: added to the variance.

    Call arguments:
        nodes: node features `[B, T, N, C]`.
        size: `(H, W)` of the map, ints or int32 scalars.

    Returns:
        A feature map `[B, T, H, W, C]`.
    """

    def __init__(self, scales=(3, 2, 1), layer_norm=False, epsilon=1e-5, **kwargs):
        super().__init__(**kwargs)
        self.graph = SpaceGraph(scales)
        self.scales = self.graph.scales
        self.layer_norm = layer_norm
        self.epsilon = epsilon

    def build(self, input_shape):
        """Creates scale and shift of the normalisation."""
        if self.layer_norm:
            self.gamma = self.add_weight("gamma", (input_shape[-1],), initializer="zeros")
            self.beta = self.add_weight("beta", (input_shape[-1],), initializer="zeros")
        super().build(input_shape)

    def call(self, nodes, size):
        """One product with the spreading weights writes the map once for all scales."""
        batch, time = tf.unstack(tf.shape(nodes)[:2])
        height, width = size
        weights = tf.concat(
            [
                _kron(_area_weights(rows, height), _area_weights(columns, width))
                for rows, columns in self.scales
            ],
            axis=1,
        )
        frames = tf.reshape(nodes, [batch * time, self.graph.num_nodes, nodes.shape[-1]])
        if self.layer_norm:
            weights, frames = self._normalize(weights, frames)
        pixels = tf.matmul(tf.cast(weights, nodes.dtype), frames)
        return tf.reshape(pixels, [batch, time, height, width, nodes.shape[-1]])

    def _normalize(self, weights, frames):
        """Weights `[F, H * W, N + 1]` and nodes `[F, N + 1, C]` of the normalised map."""
        dtype, frames = frames.dtype, tf.cast(frames, tf.float32)
        frames -= tf.reduce_mean(frames, axis=-1, keepdims=True)
        covariance = tf.matmul(frames, frames, transpose_b=True) / frames.shape[-1]
        variance = tf.reduce_sum(tf.matmul(weights, covariance) * weights, axis=-1, keepdims=True)
        weights *= tf.math.rsqrt(tf.nn.relu(variance) + self.epsilon)
        frames *= tf.cast(self.gamma, tf.float32)
        # The shift is one more node, which every cell takes as it is.
        shift = tf.ones_like(frames[:, :1]) * tf.cast(self.beta, tf.float32)
        weights = tf.concat([weights, tf.ones_like(weights[..., :1])], axis=-1)
        return weights, tf.cast(tf.concat([frames, shift], axis=1), dtype)


def _area_weights(in_size, out_size):
    """`rstg_tf.graph.area_weights` for sizes that are known at run time only."""
    scale = tf.cast(in_size, tf.float32) / tf.cast(out_size, tf.float32)
    low = tf.range(tf.cast(out_size, tf.float32))[:, None] * scale
    cell = tf.range(tf.cast(in_size, tf.float32))[None, :]
    covered = tf.minimum(low + scale, cell + 1) - tf.maximum(low, cell)
    return tf.nn.relu(covered) / scale


def _kron(rows, columns):
    """Kronecker product of `[a, b]` and `[c, d]`: `[a * c, b * d]`."""
    product = rows[:, None, :, None] * columns[None, :, None, :]
    shape = tf.shape(product)
    return tf.reshape(product, [shape[0] * shape[1], shape[2] * shape[3]])
