"""From a feature map to node features and back."""

import tensorflow as tf

from rstg_tf.graph import SpaceGraph


@tf.keras.utils.register_keras_serializable("rstg_tf")
class RegionPooling(tf.keras.layers.Layer):
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

    def get_config(self):
        """Constructor arguments."""
        return {**super().get_config(), "scales": self.scales}


@tf.keras.utils.register_keras_serializable("rstg_tf")
class RegionUnpooling(tf.keras.layers.Layer):
    """Writes every node back over its region; scales are summed (paper, section 3.4).

    Each cell of the map takes the area-weighted average of the grid cells that it covers.

    Args:
        scales: grids of the graph, see `rstg_tf.SpaceGraph`.

    Call arguments:
        nodes: node features `[B, T, N, C]`.
        size: `(H, W)` of the map, ints or int32 scalars.

    Returns:
        A feature map `[B, T, H, W, C]`.
    """

    def __init__(self, scales=(3, 2, 1), **kwargs):
        super().__init__(**kwargs)
        self.graph = SpaceGraph(scales)
        self.scales = self.graph.scales

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
        pixels = tf.matmul(tf.cast(weights, nodes.dtype), frames)
        return tf.reshape(pixels, [batch, time, height, width, nodes.shape[-1]])

    def get_config(self):
        """Constructor arguments."""
        return {**super().get_config(), "scales": self.scales}


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
