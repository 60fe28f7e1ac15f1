"""The RSTG block: Space stages and Time stages on the region graph of a feature map."""

import warnings
from collections.abc import Mapping
from typing import Annotated, Any

import numpy as np
import tensorflow as tf

from rstg_tf.graph import Scales
from rstg_tf.layers.configured import ConfiguredLayer, check_choice
from rstg_tf.layers.normalization import NORMS, make_norm
from rstg_tf.layers.regions import RegionPooling, RegionUnpooling
from rstg_tf.layers.space_stage import SpaceStage
from rstg_tf.layers.time_stage import TimeStage
from rstg_tf.registry import Arguments

READOUTS = ("map", "vec")
FINALS = ("last", "mean")
VARIANTS = ("all_temp", "1_temp", "space_only", "time_only", "homogeneous")


@tf.keras.utils.register_keras_serializable("rstg_tf")
class RSTG(ConfiguredLayer):
    """Recurrent Space-time Graph block (Nicolicioiu et al., NeurIPS 2019, section 3).

    The map is averaged over regions at several scales; regions are the nodes of a graph. Then
    `iterations` times a Time stage (an LSTM along time, one state a node) and a Space stage
    (messages between neighbours of a frame) take turns, and a last Time stage with weights of its
    own follows. Weights are shared over nodes, time and iterations.

    Clips run stage by stage, each recurrence over the whole clip at once; `step` runs frame by
    frame. Both share their weights and compute the same function.

        >>> block = RSTG(node_dim=256, message_dim=256, readout="map")
        >>> features = block(features)               # [B, T, H, W, C], the identity at first
        >>> features, attention = block(features, return_attention=True)

    Args:
        scales: grids of regions, each an int or a pair (rows, columns).
        node_dim: node dimension `D`.
        message_dim: message dimension `M`.
        iterations: rounds of processing `K`.
        attention: how a node weighs what it hears: `"dot"`, `"additive"` or `"mean"`.
        heads: attention heads. `node_dim` and `message_dim` must be divisible by it.
        readout: `"map"` writes the nodes back over the map, as a residual branch; `"vec"` sums them
            to one vector a clip.
        final: with `readout="vec"`, `"last"` takes the last step, `"mean"` the mean over time (as
            the released models do). By default `"last"`, or `"mean"` for the variants that have no
            last Time stage.
        variant: the ablations of the paper's Table 1. `"all_temp"` is the whole model; `"1_temp"`
            has the last Time stage only, after all Space stages; `"space_only"` no Time stage,
            `"time_only"` no Space stage; `"homogeneous"` no recurrence: nodes also hear themselves
            in the frame before.
        positional: whether messages know the places of their nodes.
        dim_map: side of the positional maps.
        norm: `"none"`, `"layer"`, `"batch"`, `"iteration_batch"` (with statistics for each
            iteration, see `IterationBatchNormalization`), or `"clip"` (over all axes but the
            batch: the released models, and then the block is not causal), for nodes, messages and
            updates. `"batch"` keeps clips apart over many rounds, also where a residual branch is
            trained by Adam from random weights; with `"layer"` its nodes may become the same for
            every clip. But it has one average of the statistics of all iterations, with which a
            `"vec"` block may be far worse in inference than in training: there take
            `"iteration_batch"`.
        update_layers: layers of the update.
        scalewise_update: whether each scale has update weights of its own.
        residual: with `readout="map"`, whether the input is added.
        output_norm: with `readout="map"`, normalisation of the branch, its scale starting at zero
            so that a fresh block is the identity; one of those of `norm`. With `"none"` the branch
            is added as it is.
        project_back: whether nodes are projected to the `C` channels of the map at the end. By
            default where it is needed: `readout="map"` with `node_dim != C`.
        adjacency: `"mask"`, or `"weight"` as the released models do, see `GatherMessages`.
        head_dim: channels of a head where `heads` does not divide the dimensions.
        internal_time_stages: at most so many iterations begin with a Time stage; all by default,
            3 in the released models.
        node_batch_norm: whether nodes pass a batch normalisation before `norm`, as in the released
            SyncMNIST models.
        positional_grid: `"exact"`, or `"floor"` as in the released models, see `SpaceGraph`.

    Call arguments:
        inputs: feature map `[B, T, H, W, C]`; only `C` must be known when the block is built, and
            all other sizes may differ between calls.
        return_attention: whether to return the attention, too.
        training: matters to batch normalisation only.

    Returns:
        `[B, T, H, W, C]` (`readout="map"`), or `[B, D]` (`readout="vec"`; `[B, C]` with
        `project_back`). With `return_attention` also the weights `[B, T, K, E]`, float32, in the
        order of `edges`.

    Raises:
        ValueError: an option out of its range, a map that is not `[B, T, H, W, C]` or that has no
            frame or no pixel.
    """

    def __init__(
        self,
        scales: Scales = (3, 2, 1),
        node_dim: int = 512,
        message_dim: int = 512,
        iterations: int = 3,
        attention: str = "dot",
        heads: int = 1,
        readout: str = "map",
        final: str | None = None,
        variant: str = "all_temp",
        positional: bool = False,
        dim_map: int = 6,
        norm: str = "none",
        update_layers: int = 2,
        scalewise_update: bool = False,
        residual: bool = True,
        output_norm: str = "layer",
        project_back: bool | None = None,
        adjacency: str = "mask",
        head_dim: int | None = None,
        internal_time_stages: int | None = None,
        node_batch_norm: bool = False,
        positional_grid: str = "exact",
        **kwargs,
    ) -> None:
        if "head" in kwargs:
            warnings.warn("`head` of RSTG is `readout` now", DeprecationWarning, stacklevel=2)
            readout = kwargs.pop("head")
        super().__init__(**kwargs)
        check_choice(READOUTS, readout=readout)
        check_choice(VARIANTS, variant=variant)
        check_choice((None, *FINALS), final=final)
        check_choice(NORMS, norm=norm)
        check_choice(NORMS, output_norm=output_norm)
        _check_sizes(
            node_dim=node_dim,
            message_dim=message_dim,
            iterations=iterations,
            heads=heads,
            update_layers=update_layers,
            **({} if head_dim is None else {"head_dim": head_dim}),
        )
        for name, size in {"node_dim": node_dim, "message_dim": message_dim}.items():
            if head_dim is None and size % heads:
                raise ValueError(
                    f"`{name}` must be divisible by `heads`. Received: {name}={size}, heads={heads}"
                )
        if internal_time_stages is not None and internal_time_stages < 0:
            raise ValueError(
                "`internal_time_stages` must be at least 0, or None for all. "
                f"Received: internal_time_stages={internal_time_stages}"
            )
        if variant == "homogeneous" and adjacency == "weight":
            raise ValueError(
                '`adjacency="weight"` is defined for edges inside a frame only. '
                f"Received: variant={variant!r}"
            )

        self.node_dim = node_dim
        self.message_dim = message_dim
        self.iterations = iterations
        self.attention = attention
        self.heads = heads
        self.readout = readout
        self.variant = variant
        self.final = final or ("last" if self._has_final_time_stage else "mean")
        self.positional = positional
        self.dim_map = dim_map
        self.norm = norm
        self.update_layers = update_layers
        self.scalewise_update = scalewise_update
        self.residual = residual
        self.output_norm = output_norm
        self.project_back = project_back
        self.adjacency = adjacency
        self.head_dim = head_dim
        self.internal_time_stages = internal_time_stages
        self.node_batch_norm = node_batch_norm
        self.positional_grid = positional_grid

        policy = self.dtype_policy
        self.pooling = RegionPooling(scales, name="pooling", dtype=policy)
        self.graph = self.pooling.graph
        self.scales = self.graph.scales
        self.node_normalizations = [
            *([make_norm("batch", "node_batch_norm", policy)] if node_batch_norm else []),
            make_norm(norm, "node_norm", policy),
        ]
        if self._num_internal:
            self.time_stage = TimeStage(node_dim, name="time_stage", dtype=policy)
        if variant != "time_only":
            self.space_stage = SpaceStage(
                scales,
                node_dim=node_dim,
                message_dim=message_dim,
                attention=attention,
                heads=heads,
                head_dim=head_dim,
                adjacency=adjacency,
                positional=positional,
                dim_map=dim_map,
                positional_grid=positional_grid,
                norm=norm,
                update_layers=update_layers,
                scalewise_update=scalewise_update,
                temporal=variant == "homogeneous",
                iterations=iterations,
                name="space_stage",
                dtype=policy,
            )
        if self._has_final_time_stage:
            self.final_time_stage = TimeStage(node_dim, name="final_time_stage", dtype=policy)
        if readout == "map":
            self.unpooling = RegionUnpooling(
                scales, layer_norm=output_norm == "layer", name="unpooling", dtype=policy
            )
            self.output_normalization = make_norm(
                "none" if output_norm == "layer" else output_norm,
                "output_norm",
                policy,
                gamma_initializer="zeros",
                shift_first=True,
            )
        self.input_spec = tf.keras.layers.InputSpec(ndim=5)

    @property
    def edges(self) -> np.ndarray:
        """Int array `[E, 2]` of (source, target), in the order of the returned attention."""
        return self.space_stage.edges

    @property
    def _has_final_time_stage(self):
        return self.variant not in ("space_only", "homogeneous")

    @property
    def _num_internal(self):
        """How many iterations begin with a Time stage."""
        if self.variant not in ("all_temp", "time_only"):
            return 0
        if self.internal_time_stages is None:
            return self.iterations
        return min(self.iterations, self.internal_time_stages)

    def build(self, input_shape: Any) -> None:
        """Creates all weights; only the channels of `input_shape` must be known."""
        channels = input_shape[-1]
        if len(input_shape) != 5 or channels is None:
            raise ValueError(
                "RSTG takes a feature map [B, T, H, W, C] with a known number of channels. "
                f"Received: shape {tuple(input_shape)}"
            )
        self.input_spec = tf.keras.layers.InputSpec(ndim=5, axes={-1: channels})
        nodes = (None, None, self.graph.num_nodes, self.node_dim)
        policy = self.dtype_policy
        if channels != self.node_dim:
            self.projection = tf.keras.layers.Dense(self.node_dim, name="projection", dtype=policy)
            self.projection.build((None, channels))
        else:
            self.projection = None
        for normalization in self.node_normalizations:
            normalization.build(nodes)
        if self._num_internal:
            self.time_stage.build(nodes)
        if self.variant != "time_only":
            self.space_stage.build(nodes[1:])
        if self._has_final_time_stage:
            self.final_time_stage.build(nodes)
        needed = self.readout == "map" and channels != self.node_dim
        if needed and self.residual and self.project_back is False:
            raise ValueError(
                "Nodes that are added to the map must be projected back to its channels. Received: "
                f"project_back=False, node_dim={self.node_dim}, a map of {channels} channels"
            )
        if needed if self.project_back is None else self.project_back:
            self.back_projection = tf.keras.layers.Dense(
                channels, name="back_projection", dtype=policy
            )
            self.back_projection.build((None, self.node_dim))
        else:
            self.back_projection = None
        if self.readout == "map":
            self.unpooling.build((None, None, self.graph.num_nodes, channels))
            self.output_normalization.build(input_shape)
        super().build(input_shape)

    def call(
        self, inputs: tf.Tensor, return_attention: bool = False, training: bool | None = None
    ) -> tf.Tensor | tuple[tf.Tensor, tf.Tensor]:
        """Runs a clip stage by stage."""
        if 0 in inputs.shape[1:]:
            raise ValueError(
                "RSTG needs at least one frame and one pixel in [B, T, H, W, C]. "
                f"Received: shape {tuple(inputs.shape)}"
            )
        if return_attention and self.variant == "time_only":
            raise ValueError('`variant="time_only"` has no Space stage, hence no attention')
        if None in inputs.shape[1:4]:
            message = "RSTG needs at least one frame and one pixel in [B, T, H, W, C]."
            tf.debugging.assert_positive(tf.shape(inputs)[1:4], message)
        nodes = self._nodes(inputs, training)
        attentions = []

        def run_time(stage, _, nodes):
            return stage(nodes)

        def run_space(nodes, iteration):
            nodes, attention = self._space(nodes, iteration, training)
            attentions.append(attention)
            return nodes

        # Time first, see TimeStage.
        nodes = self._rounds(tf.transpose(nodes, [1, 0, 2, 3]), run_time, run_space)
        if self.back_projection is not None:
            nodes = self.back_projection(nodes)
        if self.readout == "vec":
            last = nodes[-1] if self.final == "last" else tf.reduce_mean(nodes, axis=0)
            outputs = tf.reduce_sum(last, axis=1)
        else:
            outputs = self._map(inputs, tf.transpose(nodes, [1, 0, 2, 3]), training)
        if return_attention:
            return outputs, tf.transpose(tf.stack(attentions), [2, 1, 0, 3])
        return outputs

    def _rounds(self, nodes, run_time, run_space):
        """All stages in their order, for a clip or for one frame of it.

        `run_time(stage, name in the state, nodes)` and `run_space(nodes, iteration)` return nodes.
        """
        for iteration in range(self.iterations):
            if iteration < self._num_internal:
                nodes = run_time(self.time_stage, f"time_{iteration}", nodes)
            if self.variant != "time_only":
                nodes = run_space(nodes, iteration)
        if self._has_final_time_stage:
            nodes = run_time(self.final_time_stage, "final", nodes)
        return nodes

    def initial_state(self, batch_size: int | tf.Tensor) -> dict[str, tf.Tensor]:
        """The state before the first frame.

        Args:
            batch_size: number of streams `B`, an int or an int32 scalar.

        Returns:
            A dict of tensors, batch first: the hidden and cell states `[B, N, D]` of every Time
            stage, or what else the variant remembers of the frames before.

        Raises:
            NotImplementedError: the block is not causal, so it can't run frame by frame.
        """
        self._check_causal()
        names = [f"time_{index}" for index in range(self._num_internal)]
        names += ["final"] if self._has_final_time_stage else []
        names = [f"{name}_{part}" for name in names for part in ("hidden", "cell")]
        if self.variant == "homogeneous":
            names += [f"previous_{index}" for index in range(self.iterations)]
        nodes = [batch_size, self.graph.num_nodes, self.node_dim]
        state = {name: tf.zeros(nodes, self.compute_dtype) for name in names}
        if self._averages:
            state["sum"] = tf.zeros(nodes, tf.float32)
        if self._averages or self.variant == "homogeneous":
            state["frames_seen"] = tf.zeros([batch_size, 1], tf.float32)
        return state

    def step(
        self, inputs: tf.Tensor, state: dict[str, tf.Tensor]
    ) -> tuple[tf.Tensor, dict[str, tf.Tensor]]:
        """Advances by one frame, in inference mode.

        Args:
            inputs: feature map of the frame `[B, H, W, C]`.
            state: what `initial_state` or the step before returned.

        Returns:
            The output of the clip call on all frames so far: the map `[B, H, W, C]` of this
            frame, or the vector `[B, D]`; and the next state.

        Raises:
            NotImplementedError: the block is not causal, so it can't run frame by frame.
            ValueError: the frame has another shape than the block takes, or the state does not
                belong to this block or to so many streams.
        """
        inputs, state = self._checked_frame(inputs, state)
        clip = inputs[:, None]

        def run_time(stage, name, nodes):
            names = f"{name}_hidden", f"{name}_cell"
            state.update(zip(names, stage.step(nodes, *map(state.get, names)), strict=True))
            return state[names[0]]

        def run_space(nodes, iteration):
            before = ()
            if self.variant == "homogeneous":
                before = state[f"previous_{iteration}"], state["frames_seen"][:, 0] > 0
                state[f"previous_{iteration}"] = nodes
            return self.space_stage(nodes, *before, iteration=iteration, training=False)[0]

        nodes = self._rounds(self._nodes(clip, training=False)[:, 0], run_time, run_space)
        if "frames_seen" in state:
            state["frames_seen"] += 1.0
        if self._averages:
            state["sum"] += tf.cast(nodes, tf.float32)
            nodes = tf.cast(state["sum"] / state["frames_seen"][:, :, None], nodes.dtype)
        if self.back_projection is not None:
            nodes = self.back_projection(nodes)
        if self.readout == "vec":
            return tf.reduce_sum(nodes, axis=1), state
        return self._map(clip, nodes[:, None], training=False)[:, 0], state

    def _checked_frame(self, inputs, state):
        """A frame and a new dict of its state, as tensors that are checked to fit this block."""
        expected = self.initial_state(1)
        if set(state) != set(expected):
            raise ValueError(
                f"`state` must have the entries {sorted(expected)}. Received: {sorted(state)}"
            )
        inputs = tf.cast(tf.convert_to_tensor(inputs), self.compute_dtype)
        if inputs.shape.rank != 4:
            raise ValueError(
                f"`step` takes one frame [B, H, W, C]. Received: shape {tuple(inputs.shape)}"
            )
        if not self.built:
            self.build(inputs[:, None].shape)
        channels = self.input_spec.axes[-1]
        if inputs.shape[-1] != channels:
            raise ValueError(
                f"`step` takes frames of {channels} channels [B, H, W, {channels}]. "
                f"Received: shape {tuple(inputs.shape)}"
            )
        state = {name: tf.convert_to_tensor(value) for name, value in state.items()}
        for name, value in state.items():
            if not value.shape[:1].is_compatible_with(inputs.shape[:1]):
                raise ValueError(
                    f"`state` must be of as many streams as there are frames, {inputs.shape[0]}. "
                    f"Received: {name} of shape {tuple(value.shape)}"
                )
        return inputs, state

    @property
    def _averages(self):
        return self.readout == "vec" and self.final == "mean"

    def _check_causal(self):
        for option in ("norm", "output_norm") if self.readout == "map" else ("norm",):
            if getattr(self, option) == "clip":
                raise NotImplementedError(
                    f'`{option}="clip"` normalises over all frames of a clip, so the block needs '
                    "the whole clip and can't run frame by frame"
                )

    def _nodes(self, inputs, training):
        """Pools, projects and normalises: `[B, T, H, W, C]` to `[B, T, N, D]`."""
        nodes = self.pooling(inputs)
        if self.projection is not None:
            nodes = self.projection(nodes)
        for normalization in self.node_normalizations:
            nodes = normalization(nodes, training=training)
        return nodes

    def _space(self, nodes, iteration, training):
        """Runs the Space stage on all frames `[T, B, N, D]` at once; attention is `[T, B, E]`."""
        time, batch = tf.unstack(tf.shape(nodes)[:2])
        static = nodes.shape
        frames = [time * batch, self.graph.num_nodes, self.node_dim]
        arguments = {}
        if self.variant == "homogeneous":
            previous = tf.concat([tf.zeros_like(nodes[:1]), nodes[:-1]], axis=0)
            arguments["previous"] = tf.reshape(previous, frames)
            arguments["has_previous"] = tf.repeat(tf.range(time) > 0, batch)
        nodes, attention = self.space_stage(
            tf.reshape(nodes, frames), iteration=iteration, training=training, **arguments
        )
        nodes = tf.ensure_shape(tf.reshape(nodes, [time, batch, *frames[1:]]), static)
        return nodes, tf.reshape(attention, [time, batch, attention.shape[-1]])

    def _map(self, inputs, nodes, training):
        """Writes nodes `[B, T, N, C]` over the map and adds it to the input."""
        branch = self.unpooling(nodes, tf.unstack(tf.shape(inputs)[2:4]))
        branch = tf.ensure_shape(branch, inputs.shape)
        branch = self.output_normalization(branch, training=training)
        return inputs + branch if self.residual else branch

    def compute_output_shape(self, input_shape: Any) -> tf.TensorShape:
        """The shape of the output without attention."""
        if self.readout == "map":
            return tf.TensorShape(input_shape)
        return tf.TensorShape(
            [input_shape[0], input_shape[-1] if self.project_back else self.node_dim]
        )

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "RSTG":
        """Builds the block of a `get_config`, also of one that calls `readout` by its old name."""
        return cls(**{"readout" if name == "head" else name: config[name] for name in config})


def _check_sizes(**sizes):
    for name, size in sizes.items():
        if not isinstance(size, int) or isinstance(size, bool) or size < 1:
            raise ValueError(f"`{name}` must be a positive int. Received: {name}={size!r}")


# A mapping of arguments for the block that a layer makes; what comes out is that layer's choice.
BlockOptions = Annotated[
    Mapping[str, Any], Arguments(RSTG, hidden=("readout", "residual", "project_back"))
]
