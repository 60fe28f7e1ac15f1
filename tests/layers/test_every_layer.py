"""Every class that the package registers with Keras, through the same checks."""

import functools
import importlib
import pathlib

import numpy as np
import pytest
import tensorflow as tf
from bfloat16 import needs_bfloat16
from layer_test import LayerCase, run_layer_test, run_mixed_precision_test

import rstg_tf
from rstg_tf import RSTG, SpaceGraph, VideoClassifier
from rstg_tf.backbones import C2D_KERNELS, SimpleConv, VideoResNet
from rstg_tf.backbones.model_garden import EndpointModel
from rstg_tf.layers import (
    Bottleneck,
    ClipNormalization,
    GatherMessages,
    NonLocal,
    RegionPooling,
    RegionUnpooling,
    SendMessages,
    SpaceStage,
    TimeStage,
    UpdateNodes,
    VideoConvolution,
)
from rstg_tf.layers.normalization import IterationBatchNormalization
from rstg_tf.models import AverageHead, SequenceHead

PREFIX = "rstg_tf>"
PACKAGE = pathlib.Path(rstg_tf.__file__).parent
SCALES = ((2, 2), 1)
GRAPH = SpaceGraph(SCALES)
NODES, EDGES = GRAPH.num_nodes, GRAPH.num_edges
PAIRS = np.argwhere(np.ones((NODES, NODES)))
BLOCK = {"scales": SCALES, "node_dim": 12, "message_dim": 8, "iterations": 2}
INNER_BLOCK = {**BLOCK, "iterations": 1}


def registered_names():
    """Names without the prefix, of all modules whose text registers something."""
    for path in sorted(PACKAGE.rglob("*.py")):
        if "register_keras_serializable" in path.read_text():
            module = ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts)
            importlib.import_module(module)
    names = tf.keras.utils.get_custom_objects()
    return sorted(name.removeprefix(PREFIX) for name in names if name.startswith(PREFIX))


def normal(*shape):
    return np.random.default_rng(sum(shape)).normal(size=shape).astype(np.float32)


def pixels(*shape):
    return np.random.default_rng(0).integers(0, 256, shape, np.uint8)


def case(cls, *args, kwargs=None, **about):
    """Splits the fields of a `LayerCase` from the options of the layer."""
    fields = LayerCase.__dataclass_fields__.keys() & about.keys()
    case_fields = {name: about.pop(name) for name in fields}
    make = functools.partial(_make, cls, about)
    return LayerCase(make, args, kwargs=kwargs or {}, **case_fields)


def _make(cls, options, dtype):
    return cls(**options, name="made", dtype=dtype)


def endpoint_model(name, dtype):
    clips = tf.keras.Input((None, None, None, 3), name="clips")
    early = VideoConvolution(4, (1, 3, 3), 2, name="early", dtype=dtype)(clips)
    late = RSTG(**INNER_BLOCK, name="late", dtype=dtype)(early)
    return EndpointModel(clips, {"2": early, "3": late}, name=name)


MAP = normal(2, 4, 6, 5, 16)
MAP_SHAPE = MAP.shape
FRAMES = normal(6, NODES, 16)
HEARD = normal(6, EDGES, 16)
CLIPS = normal(2, 4, 28, 28, 3)

CASES = {
    "RegionPooling": {
        "scales": case(RegionPooling, MAP, scales=SCALES, shapes=((2, 4, NODES, 16),), trainable=0)
    },
    "RegionUnpooling": {
        "plain": case(
            RegionUnpooling,
            *(normal(2, 4, NODES, 16), (6, 5)),
            scales=SCALES,
            known=2,
            shapes=(MAP_SHAPE,),
            trainable=0,
        ),
        "layer_norm": case(
            RegionUnpooling,
            *(normal(2, 4, NODES, 16), (6, 5)),
            scales=SCALES,
            layer_norm=True,
            epsilon=1e-3,
            known=2,
            shapes=(MAP_SHAPE,),
            trainable=2,
        ),
    },
    "ClipNormalization": {
        "scale_first": case(ClipNormalization, MAP, shapes=(MAP_SHAPE,), trainable=2),
        "shift_first": case(
            ClipNormalization,
            MAP,
            epsilon=1e-3,
            shift_first=True,
            gamma_initializer="zeros",
            shapes=(MAP_SHAPE,),
            trainable=2,
        ),
    },
    "IterationBatchNormalization": {
        "second": case(
            IterationBatchNormalization,
            FRAMES,
            kwargs={"iteration": 1},
            iterations=2,
            shapes=(FRAMES.shape,),
            trainable=2,
            non_trainable=4,
        )
    },
    "SendMessages": {
        "plain": case(
            SendMessages,
            [FRAMES, FRAMES],
            units=8,
            edges=GRAPH.edges,
            known=2,
            shapes=((6, EDGES, 8),),
            trainable=5,
        ),
        "positional": case(
            SendMessages,
            [normal(6, 2 * NODES, 16), FRAMES],
            units=8,
            edges=np.concatenate([GRAPH.edges, [[NODES, 0]]]),
            positional_maps=GRAPH.positional_maps,
            known=2,
            shapes=((6, EDGES + 1, 8),),
            trainable=7,
        ),
    },
    "GatherMessages": {
        "dot": case(
            GatherMessages,
            [HEARD, FRAMES, FRAMES],
            kwargs={"source_mask": np.arange(6 * NODES).reshape(6, NODES) % 3 > 0},
            edges=GRAPH.edges,
            num_nodes=NODES,
            heads=2,
            head_dim=3,
            norm="layer",
            known=2,
            shapes=((6, NODES, 6), (6, EDGES)),
            float32_outputs=(1,),
            trainable=9,
        ),
        "additive": case(
            GatherMessages,
            [normal(6, NODES**2, 16), FRAMES, FRAMES],
            kwargs={"iteration": 1},
            edges=PAIRS,
            num_nodes=NODES,
            attention="additive",
            adjacency="weight",
            adjacency_matrix=GRAPH.adjacency,
            norm="iteration_batch",
            iterations=2,
            known=2,
            shapes=((6, NODES, 16), (6, NODES**2)),
            float32_outputs=(1,),
            trainable=7,
            non_trainable=4,
        ),
        "mean": case(
            GatherMessages,
            [HEARD, FRAMES, FRAMES],
            edges=GRAPH.edges,
            num_nodes=NODES,
            attention="mean",
            known=2,
            shapes=((6, NODES, 16), (6, EDGES)),
            float32_outputs=(1,),
            trainable=1,
        ),
    },
    "UpdateNodes": {
        "plain": case(
            UpdateNodes,
            [FRAMES, normal(6, NODES, 8)],
            units=16,
            known=2,
            shapes=(FRAMES.shape,),
            trainable=4,
        ),
        "scalewise": case(
            UpdateNodes,
            [FRAMES, normal(6, NODES, 8)],
            kwargs={"iteration": 1},
            units=12,
            num_layers=1,
            scale_sizes=GRAPH.scale_sizes,
            norm="iteration_batch",
            iterations=2,
            known=2,
            shapes=((6, NODES, 12),),
            trainable=6,
            non_trainable=4,
        ),
    },
    "SpaceStage": {
        "plain": case(
            SpaceStage,
            FRAMES,
            scales=SCALES,
            node_dim=16,
            message_dim=8,
            known=2,
            shapes=(FRAMES.shape, (6, EDGES)),
            float32_outputs=(1,),
            trainable=14,
        ),
        "weight": case(
            SpaceStage,
            FRAMES,
            scales=SCALES,
            node_dim=16,
            message_dim=8,
            attention="additive",
            heads=2,
            head_dim=3,
            adjacency="weight",
            known=2,
            shapes=(FRAMES.shape, (6, NODES**2)),
            float32_outputs=(1,),
            trainable=16,
        ),
        "temporal": case(
            SpaceStage,
            FRAMES,
            kwargs={
                "previous": FRAMES[::-1].copy(),
                "has_previous": np.arange(6) > 1,
                "iteration": 1,
            },
            scales=SCALES,
            node_dim=16,
            message_dim=8,
            positional=True,
            dim_map=5,
            positional_grid="floor",
            norm="iteration_batch",
            update_layers=1,
            scalewise_update=True,
            temporal=True,
            iterations=2,
            known=2,
            shapes=(FRAMES.shape, (6, EDGES + NODES)),
            float32_outputs=(1,),
            trainable=20,
            non_trainable=8,
        ),
    },
    "TimeStage": {
        "units": case(
            TimeStage,
            normal(4, 2, NODES, 16),
            units=12,
            known=2,
            shapes=((4, 2, NODES, 12),),
            trainable=3,
        )
    },
    "RSTG": {
        "map": case(
            RSTG,
            MAP,
            kwargs={"return_attention": True},
            **BLOCK,
            shapes=(MAP_SHAPE, (2, 4, 2, EDGES)),
            float32_outputs=(1,),
            trainable=26,
        ),
        "vec": case(
            RSTG,
            MAP,
            **BLOCK,
            attention="additive",
            heads=2,
            readout="vec",
            final="mean",
            positional=True,
            dim_map=4,
            norm="iteration_batch",
            update_layers=1,
            scalewise_update=True,
            project_back=True,
            head_dim=3,
            internal_time_stages=1,
            node_batch_norm=True,
            positional_grid="floor",
            shapes=((2, 16),),
            trainable=38,
            non_trainable=16,
        ),
        "homogeneous": case(
            RSTG,
            MAP,
            kwargs={"return_attention": True},
            **BLOCK,
            variant="homogeneous",
            norm="clip",
            residual=False,
            output_norm="batch",
            shapes=(MAP_SHAPE, (2, 4, 2, EDGES + NODES)),
            float32_outputs=(1,),
            trainable=26,
            non_trainable=2,
        ),
        "released": case(
            RSTG, MAP, **BLOCK, adjacency="weight", norm="clip", shapes=(MAP_SHAPE,), trainable=32
        ),
    },
    "VideoConvolution": {
        "trained": case(
            VideoConvolution,
            CLIPS,
            filters=16,
            kernel_size=(3, 3, 3),
            stride=2,
            use_bias=True,
            shapes=((2, 4, 14, 14, 16),),
            trainable=4,
            non_trainable=2,
        ),
        "frozen": case(
            VideoConvolution,
            CLIPS,
            filters=16,
            relu=False,
            batch_norm="frozen",
            gamma_initializer="zeros",
            layout="volume",
            shapes=((2, 4, 28, 28, 16),),
            trainable=3,
            non_trainable=2,
        ),
    },
    "Bottleneck": {
        "identity": case(
            Bottleneck, MAP, filters=4, shapes=(MAP_SHAPE,), trainable=9, non_trainable=6
        ),
        "projected": case(
            Bottleneck,
            MAP,
            filters=3,
            temporal_kernel=3,
            stride=2,
            project=True,
            stride_place="first",
            batch_norm="frozen",
            layout="volume",
            shapes=((2, 4, 3, 3, 12),),
            trainable=12,
            non_trainable=8,
        ),
    },
    "NonLocal": {
        batch_norm: case(
            NonLocal,
            MAP,
            batch_norm=batch_norm,
            shapes=(MAP_SHAPE,),
            trainable=10,
            non_trainable=2,
        )
        for batch_norm in ("trained", "frozen")
    },
    "SimpleConv": {
        "filters": case(SimpleConv, CLIPS, filters=(4, 16), shapes=((2, 4, 5, 5, 16),), trainable=4)
    },
    "VideoResNet": {
        "all_options": case(
            VideoResNet,
            normal(2, 4, 32, 32, 3),
            kwargs={"return_attention": True},
            width=1 / 32,
            temporal_kernels=C2D_KERNELS,
            non_local=("res4",),
            graphs=("res3",),
            graph_options=INNER_BLOCK,
            stride_place="first",
            res5_stride=2,
            pool_padding=1,
            batch_norm="frozen",
            recompute=True,
            layout="volume",
            shapes=((2, 2, 1, 1, 64), (2, 2, 1, EDGES)),
            float32_outputs=(1,),
            trainable=215,
            non_trainable=112,
        )
    },
    "EndpointModel": {
        "rstg": LayerCase(
            functools.partial(endpoint_model, "made"),
            (CLIPS,),
            shapes=((2, 4, 14, 14, 4),) * 2,
            trainable=29,
            non_trainable=2,
            float32_layers=("made", "clips"),
            config_names={"inputs": "input_layers", "outputs": "output_layers"},
        )
    },
    "AverageHead": {
        "average": case(AverageHead, MAP, window=(3, 4), shapes=((2, 16),), trainable=0),
        "plus": case(
            AverageHead,
            MAP,
            kwargs={"return_attention": True},
            graph_options=INNER_BLOCK,
            shapes=((2, 16), (2, 4, 1, EDGES)),
            float32_outputs=(1,),
            trainable=26,
        ),
        "serial": case(
            AverageHead,
            MAP,
            graph_options={**INNER_BLOCK, "node_dim": 16},
            combine="serial",
            norm="batch",
            shapes=((2, 16),),
            trainable=22,
            non_trainable=2,
        ),
    },
    "SequenceHead": {
        "conv_lstm": case(SequenceHead, MAP, units=12, grid=2, shapes=((2, 12),), trainable=7),
        "mean": case(
            SequenceHead,
            MAP,
            units=12,
            spatial="mean",
            temporal="mean",
            shapes=((2, 12),),
            trainable=2,
        ),
    },
    "VideoClassifier": {
        "rstg": case(
            VideoClassifier,
            pixels(2, 4, 28, 28, 1),
            num_classes=3,
            channels=1,
            backbone_options={"filters": (4, 16)},
            head_options=INNER_BLOCK,
            preprocessing="kinetics",
            shapes=((2, 3), (2, 3)),
            float32_outputs=(0, 1),
            float32_layers=("classifier",),
            trainable=30,
        ),
        "conv_lstm": case(
            VideoClassifier,
            pixels(2, 4, 28, 28, 3),
            num_classes=3,
            backbone="simple_conv",
            backbone_options={"filters": (4, 16)},
            head="conv_lstm",
            head_options={"units": 12, "grid": 2},
            norm="none",
            dropout=0.5,
            shapes=((2, 3), (2, 3)),
            float32_outputs=(0, 1),
            float32_layers=("classifier",),
            trainable=13,
        ),
    },
}
REGISTERED = registered_names()


@pytest.mark.parametrize("name", REGISTERED)
def test_every_registered_class_has_a_case(name):
    assert CASES.get(name), f"add a case of {PREFIX}{name} to CASES of {__file__}"


def test_every_case_is_of_a_registered_class():
    assert set(CASES) <= set(REGISTERED)


every_case = pytest.mark.parametrize(
    "name, one",
    [
        pytest.param(name, one, id=f"{name}-{variant}")
        for name, variants in CASES.items()
        for variant, one in variants.items()
    ],
)


@every_case
def test_layer(name, one):
    assert tf.keras.utils.get_registered_name(type(run_layer_test(one))) == PREFIX + name


@every_case
@pytest.mark.parametrize(
    "policy", ["mixed_float16", pytest.param("mixed_bfloat16", marks=needs_bfloat16)]
)
def test_mixed_precision(name, one, policy):
    run_mixed_precision_test(one, policy)
