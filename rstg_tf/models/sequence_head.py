"""Heads without a graph: the baselines that the poster's first table compares with."""

import functools

import tensorflow as tf

from rstg_tf.layers import RegionPooling
from rstg_tf.layers.configured import ConfiguredLayer, check_choice
from rstg_tf.layers.folding import sizes
from rstg_tf.registry import HEADS


@tf.keras.utils.register_keras_serializable(package="rstg_tf")
class SequenceHead(ConfiguredLayer):
    """One vector per frame, then an average or an LSTM over time.

    Nicolicioiu et al. 2019, section 4.1: Mean+LSTM is `spatial="mean", temporal="lstm"`, Conv+LSTM
    is `spatial="conv", temporal="lstm"`.  `temporal="mean"` knows what the frames show but not in
    which order they came.

    Args:
        units: width D of the frame's and of the clip's vector.
        spatial: `"mean"` averages the feature map, `"conv"` convolves it, averages the cells of a
            `grid` x `grid` and projects these side by side, so that it knows where things are.
        temporal: `"mean"` or `"lstm"`, the output after the last frame.
        grid: cells along each side, for `spatial="conv"`.

    Call arguments:
        features: float `[B, T, h, w, C]`.

    Returns:
        float `[B, units]`.
    """

    def __init__(
        self,
        units: int = 512,
        spatial: str = "conv",
        temporal: str = "lstm",
        grid: int = 3,
        **kwargs,
    ):
        super().__init__(**kwargs)
        check_choice(("mean", "conv"), spatial=spatial)
        check_choice(("mean", "lstm"), temporal=temporal)
        self.units = units
        self.spatial = spatial
        self.temporal = temporal
        self.grid = grid
        policy = self.dtype_policy
        if spatial == "conv":
            self._convolution = tf.keras.layers.Conv2D(
                units, 3, padding="same", activation="relu", name="conv", dtype=policy
            )
            self._cells = RegionPooling(scales=(grid,), name="cells", dtype=policy)
        self._project = tf.keras.layers.Dense(
            units, activation="relu", name="project", dtype=policy
        )
        self._lstm = (
            tf.keras.layers.LSTM(units, name="lstm", dtype=policy) if temporal == "lstm" else None
        )

    def call(self, features, training=None):
        """Runs a clip."""
        frames = self._frame_vectors(features)
        if self._lstm is None:
            return tf.reduce_mean(frames, axis=1)
        return self._lstm(frames, training=training)

    def initial_state(self, batch_size):
        """State before the first frame.

        Args:
            batch_size: number of streams B.

        Returns:
            A dict of zeros, batch first: the LSTM's two states, or a sum and a count.
        """
        zeros = tf.zeros([batch_size, self.units], self.compute_dtype)
        if self._lstm is None:
            return {"sum": zeros, "count": tf.zeros([batch_size, 1], self.compute_dtype)}
        return {"hidden": zeros, "cell": zeros}

    def step(self, features, state):
        """Takes one more frame.

        Args:
            features: float `[B, h, w, C]`.
            state: what `initial_state` or the step before returned.

        Returns:
            `call`'s output for the frames up to this one, `[B, units]`, and the next state.
        """
        frame = self._frame_vectors(features[:, tf.newaxis])[:, 0]
        if self._lstm is None:
            total, count = state["sum"] + frame, state["count"] + 1
            return total / count, {"sum": total, "count": count}
        output, (hidden, cell) = self._lstm.cell(frame, [state["hidden"], state["cell"]])
        return output, {"hidden": hidden, "cell": cell}

    def _frame_vectors(self, features):
        """`[B, T, h, w, C]` to `[B, T, units]`."""
        if self.spatial == "mean":
            return self._project(tf.reduce_mean(features, axis=(2, 3)))
        cells = self._cells(self._convolution(features))
        side_by_side = tf.reshape(cells, [*sizes(features)[:2], self.grid**2 * self.units])
        return self._project(side_by_side)


_CONTROLS = {
    "mean": "the average over time of one vector per frame: a control that is blind to order",
    "mean_lstm": "an LSTM over the average of each frame's feature map: a control without graph",
    "conv_lstm": "an LSTM over one convolved vector per frame: a control without graph",
}
for _name, _spatial, _temporal in (
    ("mean", "conv", "mean"),
    ("mean_lstm", "mean", "lstm"),
    ("conv_lstm", "conv", "lstm"),
):
    HEADS.register(_name, summary=_CONTROLS[_name])(
        functools.partial(SequenceHead, spatial=_spatial, temporal=_temporal)
    )
