"""ResNet-50 for clips: C2D, I3D and non-local networks, with RSTG blocks inside of the stages."""

import contextlib
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Annotated, NamedTuple

import numpy as np
import tensorflow as tf

from rstg_tf.layers import RSTG
from rstg_tf.layers.bottleneck import Bottleneck
from rstg_tf.layers.configured import ConfiguredLayer, check_choice
from rstg_tf.layers.folding import fold_time, sizes, unfold_time
from rstg_tf.layers.non_local import NonLocal
from rstg_tf.layers.normalization import frozen_statistics
from rstg_tf.layers.rstg import BlockOptions
from rstg_tf.layers.video_convolution import VideoConvolution
from rstg_tf.registry import BACKBONES, Arguments

STAGES = {"res2": (3, 64), "res3": (4, 128), "res4": (6, 256), "res5": (3, 512)}


class TemporalKernels(NamedTuple):
    """Sizes in time of the stem's kernel and of the first kernel of every block: those of I3D."""

    stem: int = 5
    res2: Sequence[int] = (3, 3, 3)
    res3: Sequence[int] = (3, 1, 3, 1)
    res4: Sequence[int] = (3, 1, 3, 1, 3, 1)
    res5: Sequence[int] = (1, 3, 1)


I3D_KERNELS = TemporalKernels()._asdict()
C2D_KERNELS = {"stem": 1, **{stage: (1,) * blocks for stage, (blocks, _) in STAGES.items()}}


@BACKBONES.register("video_resnet", hidden=("layout",))
@tf.keras.utils.register_keras_serializable("rstg_tf")
class VideoResNet(ConfiguredLayer):
    """A ResNet-50 over space and time (Wang et al., CVPR 2018, table 1 and section 4).

    The stem and `res3`, `res4` halve height and width, as does the pool after the stem; a pool
    after `res2` halves time. `res5` keeps the size. It is convolutional in time and space.
    `rstg_tf.backbones.inflate` fills it from an image network.

    Args:
        width: factor of all numbers of channels; the paper's are 64 after the stem, then 256, 512,
            1024 and 2048 after the stages.
        temporal_kernels: dict of sizes in time: of the `"stem"`, and for each stage those of the
            first convolution of every block. `I3D_KERNELS` (the default) or `C2D_KERNELS`, say.
        non_local: stages with a `NonLocal` block after every second residual block.
        graphs: stages with an `RSTG` block (to-map) before the last residual block.
        graph_options: arguments of the RSTG blocks besides `readout`.
        stride_place: convolution of a block with the stride, see `rstg_tf.layers.Bottleneck`.
        res5_stride: step of `res5` in height and width, 1 or 2.
        pool_padding: pixels of padding around the map before the pool after the stem, 0 or 1.
        batch_norm: `"trained"` or `"frozen"`, see `rstg_tf.layers.VideoConvolution`.
        recompute: whether training computes the inside of each block again on the way back instead
            of keeping it in memory.
        layout: see `rstg_tf.layers.VideoConvolution`.

    Call arguments:
        clips: float `[B, T, H, W, C]`, T at least 2, H and W at least `min_size`.
        return_endpoints: whether to return the maps after all stages.
        return_attention: whether to return the attention of all RSTG blocks, too.

    Returns:
        The map `[B, T // 2, h, w, 2048 * width]`, 14 x 14 for 224 x 224 pixels (7 x 7
        with `res5_stride=2`). With `return_endpoints` a dict from `"res2"`, ... `"res5"` to maps
        instead. With `return_attention` also a dict from stage to attention `[B, T, K, E]`.

    Raises:
        ValueError: an unknown stage, other kernels than blocks, or an option out of its range.

    Example:
    >>> backbone = VideoResNet(width=0.25, graphs=("res3", "res4"))
    >>> backbone(tf.zeros([2, 16, 64, 64, 3])).shape
    TensorShape([2, 8, 4, 4, 512])
    """

    per_frame = False
    min_size = 32

    def __init__(
        self,
        width: float = 1.0,
        temporal_kernels: Annotated[Mapping, Arguments(TemporalKernels)] | None = I3D_KERNELS,
        non_local: Sequence[str] = (),
        graphs: Sequence[str] = (),
        graph_options: BlockOptions | None = MappingProxyType({}),
        stride_place: str = "middle",
        res5_stride: int = 1,
        pool_padding: int = 0,
        batch_norm: str = "trained",
        recompute: bool = False,
        layout: str = "frames",
        **kwargs,
    ):
        super().__init__(**kwargs)
        for name, stages in (("non_local", non_local), ("graphs", graphs)):
            unknown = set(stages) - set(STAGES)
            if unknown:
                raise ValueError(
                    f"`{name}` must hold stages of {list(STAGES)}. Received: {name}={stages!r}"
                )
        kernels = dict(temporal_kernels or I3D_KERNELS)
        shape = {name: np.shape(sizes) for name, sizes in kernels.items()}
        if shape != {name: np.shape(sizes) for name, sizes in I3D_KERNELS.items()}:
            raise ValueError(
                f"`temporal_kernels` must have sizes for the same blocks as {I3D_KERNELS}. "
                f"Received: temporal_kernels={temporal_kernels!r}"
            )
        if not width > 0:
            raise ValueError(f"`width` must be positive. Received: width={width!r}")
        check_choice((1, 2), res5_stride=res5_stride)
        check_choice((0, 1), pool_padding=pool_padding)
        self.width = width
        self.temporal_kernels = kernels
        self.non_local = tuple(non_local)
        self.graphs = tuple(graphs)
        self.graph_options = dict(graph_options or {})
        self.stride_place = stride_place
        self.res5_stride = res5_stride
        self.pool_padding = pool_padding
        self.batch_norm = batch_norm
        self.recompute = recompute
        self.layout = layout

        shared = {"batch_norm": batch_norm, "dtype": self.dtype_policy}
        self.stem = VideoConvolution(
            self._scaled(64), (kernels["stem"], 7, 7), 2, layout=layout, name="stem", **shared
        )
        strides = {"res2": 1, "res3": 2, "res4": 2, "res5": res5_stride}
        self.stages: dict[str, list] = {stage: [] for stage in STAGES}
        self.blocks = {}
        for stage, (count, filters) in STAGES.items():
            layers = self.stages[stage]
            for index in range(count):
                layers.append(
                    Bottleneck(
                        self._scaled(filters),
                        kernels[stage][index],
                        stride=strides[stage] if index == 0 else 1,
                        project=index == 0,
                        stride_place=stride_place,
                        layout=layout,
                        name=f"{stage}_{index}",
                        **shared,
                    )
                )
                if stage in self.non_local and index % 2 == 1:
                    layers.append(NonLocal(name=f"{stage}_{index}_non_local", **shared))
                if stage in self.graphs and index == count - 2:
                    graph = RSTG(
                        **{"readout": "map", **self.graph_options},
                        name=f"{stage}_graph",
                        dtype=self.dtype_policy,
                    )
                    layers.append(graph)
                    self.blocks[stage] = graph

    def _scaled(self, filters):
        return max(1, round(filters * self.width))

    def call(self, clips, return_endpoints=False, return_attention=False, training=None):
        """Stem, pool, four stages, a pool in time after the first."""
        x = self.stem(clips, training=training)
        x = _pool_space(x, self.pool_padding)
        endpoints, attention = {}, {}
        for stage, layers in self.stages.items():
            for layer in layers:
                if return_attention and layer is self.blocks.get(stage):
                    x, attention[stage] = layer(x, return_attention=True, training=training)
                elif training and self.recompute:
                    x = _recomputed(layer, x)
                else:
                    x = layer(x, training=training)
            endpoints[stage] = x
            if stage == "res2":
                x = _pool_time(x)
        outputs = endpoints if return_endpoints else x
        return (outputs, attention) if return_attention else outputs


def _pool_space(x, padding):
    """Max-pools 3 x 3 pixels with stride 2."""
    frames, pads = fold_time(x), [padding, padding]
    if padding:
        frames = tf.pad(frames, [[0, 0], pads, pads, [0, 0]])  # No value is below zero.
    return unfold_time(tf.nn.max_pool2d(frames, 3, 2, "VALID"), x)


def _pool_time(x):
    """Max-pools every two steps."""
    batch, time, height, width, channels = sizes(x)
    pixels = tf.reshape(x, [batch, time, height * width, channels])
    pixels = tf.nn.max_pool2d(pixels, (2, 1), (2, 1), "VALID")
    return tf.reshape(pixels, [batch, time // 2, height, width, channels])


def _recomputed(layer, x):
    """Calls a layer in training so that the backward pass recomputes its inside."""
    if not layer.built:
        layer.build(x.shape)
    first = True

    @tf.recompute_grad
    def run(x):
        nonlocal first
        first, again = False, not first
        with frozen_statistics(layer) if again else contextlib.nullcontext():
            return layer(x, training=True)

    return run(x)
