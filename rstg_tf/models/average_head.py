"""The head of video ResNets: an average over time and space, with or without a graph beside it."""

from collections.abc import Sequence

import tensorflow as tf

from rstg_tf.layers import RSTG
from rstg_tf.layers.configured import ConfiguredLayer, check_choice
from rstg_tf.layers.folding import sizes
from rstg_tf.layers.normalization import NORMS, make_norm
from rstg_tf.layers.rstg import BlockOptions
from rstg_tf.registry import HEADS

COMBINATIONS = ("plus", "serial")


@HEADS.register("average", summary="the average over time and space")
@tf.keras.utils.register_keras_serializable(package="rstg_tf")
class AverageHead(ConfiguredLayer):
    """Averages a map over time and space; an RSTG block may add what it makes of the map.

    Nicolicioiu et al. 2019, section 4.2: RSTG-to-vec stands after the last stage of the backbone.

    Args:
        graph_options: arguments of the RSTG block besides `readout`; None for no block.
        combine: `"plus"` adds the block's vector to the average, `"serial"` takes it alone.
        norm: normalisation of the block's vector before, one of those of `rstg_tf.RSTG`. With
            `"plus"` its scale starts at zero, so that a fresh block adds nothing.
        window: rows and columns of the windows whose averages are averaged, as the released models
            do on crops larger than those they were trained with; then cells in the middle, which
            more windows hold, count more. None takes all cells alike.

    Call arguments:
        features: `[B, T, h, w, C]`.
        return_attention: whether to return the block's attention `[B, T, K, E]`, too.

    Returns:
        `[B, C]`.

    Raises:
        ValueError: an option out of its range.
    """

    def __init__(
        self,
        graph_options: BlockOptions | None = None,
        combine: str = "plus",
        norm: str = "layer",
        window: Sequence[int] | None = None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        check_choice(COMBINATIONS, combine=combine)
        check_choice(NORMS, norm=norm)
        self.graph_options = None if graph_options is None else dict(graph_options)
        self.combine = combine
        self.norm = norm
        self.window = None if window is None else tuple(window)
        self.block = None

    def build(self, input_shape):
        """Creates the block, which projects back to `C` only where its nodes have another width."""
        if self.graph_options is not None:
            options = {"readout": "vec", **self.graph_options}
            self.block = RSTG(**options, name="graph", dtype=self.dtype_policy)
            self.block.project_back = self.block.node_dim != input_shape[-1]
            self.normalization = make_norm(
                self.norm,
                "normalization",
                self.dtype_policy,
                gamma_initializer="zeros" if self.combine == "plus" else "ones",
                shift_first=True,
            )
        super().build(input_shape)

    def call(self, features, return_attention=False, training=None):
        """Averages, runs the graph, combines."""
        average = self._average(features)
        if self.block is None:
            return average
        vector = self.block(features, return_attention=return_attention, training=training)
        if return_attention:
            vector, attention = vector
        vector = self.normalization(vector, training=training)
        outputs = average + vector if self.combine == "plus" else vector
        return (outputs, attention) if return_attention else outputs

    def _average(self, features):
        frames = tf.reduce_mean(features, axis=1)
        if self.window is not None:
            size = [tf.minimum(a, b) for a, b in zip(sizes(frames)[1:3], self.window, strict=True)]
            rows, columns = (
                _times_covered(length, window)
                for length, window in zip(sizes(frames)[1:3], size, strict=True)
            )
            weights = rows[:, None, None] * columns[None, :, None]
            frames *= tf.cast(weights / tf.reduce_mean(weights), frames.dtype)
        return tf.reduce_mean(frames, axis=(1, 2))


def _times_covered(length, window):
    """How many windows at step 1 hold each of `length` cells, float32 `[length]`."""
    cell = tf.range(length)
    first = tf.maximum(0, cell - window + 1)
    last = tf.minimum(cell, length - window)
    return tf.cast(last - first + 1, tf.float32)
