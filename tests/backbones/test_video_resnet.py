import pathlib
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf
from closeness import FORWARD, GRADIENT, assert_all_close, assert_close, relative_difference

from rstg_tf import experiments
from rstg_tf.backbones import C2D_KERNELS, VideoResNet
from rstg_tf.layers import RSTG, Bottleneck, NonLocal

TINY = {"width": 1 / 32, "graph_options": {"node_dim": 8, "message_dim": 8, "iterations": 1}}


def make_clip(*shape):
    return tf.random.stateless_normal(shape, seed=[1, 2])


def showing(backbone, shape=(1, 4, 32, 32, 3)):
    """Builds a backbone and lets every branch of it count: fresh ones are multiplied by zero."""
    backbone(tf.zeros(shape))
    rng = np.random.default_rng(0)
    for weight in backbone.weights:
        if weight.name.split("/")[-1].startswith("gamma"):
            weight.assign(rng.uniform(0.2, 0.6, weight.shape))
    return backbone


def test_endpoints_at_full_size():
    backbone = VideoResNet(**TINY)
    endpoints = tf.function(backbone).get_concrete_function(
        tf.TensorSpec([None, 32, 224, 224, 3]), return_endpoints=True
    )
    shapes = {name: shape.as_list() for name, shape in endpoints.output_shapes.items()}
    assert shapes == {
        "res2": [None, 32, 55, 55, 8],
        "res3": [None, 16, 28, 28, 16],
        "res4": [None, 16, 14, 14, 32],
        "res5": [None, 16, 14, 14, 64],
    }


def test_any_length_from_4_frames_and_any_size_from_32_pixels():
    backbone = VideoResNet(**TINY, non_local=("res3",), graphs=("res4",))
    graph = tf.function(backbone, input_signature=[tf.TensorSpec([None, None, None, None, 3])])
    for shape in ((1, 4, 32, 32, 3), (2, 5, 37, 52, 3), (1, 9, 64, 33, 3)):
        clip = make_clip(*shape)
        features = graph(clip)
        assert features.shape[:2] == (shape[0], shape[1] // 2) and features.shape[-1] == 64
        assert_close(features, backbone(clip))


def test_non_local_attention_frame_by_frame_is_that_of_the_clip(monkeypatch):
    layer, clips = NonLocal(), make_clip(2, 3, 5, 6, 8)
    layer.build(clips.shape)
    layer.project.normalization.gamma.assign(np.ones(8))
    with tf.GradientTape() as tape:
        at_once = layer(clips)
        loss = tf.reduce_sum(at_once**2)
    gradients = tape.gradient(loss, layer.trainable_weights)
    monkeypatch.setattr("rstg_tf.layers.non_local._MOST_WEIGHTS", 100)

    @tf.function(jit_compile=True)
    def frame_by_frame():
        with tf.GradientTape() as tape:
            outputs = layer(clips)
            loss = tf.reduce_sum(outputs**2)
        return outputs, tape.gradient(loss, layer.trainable_weights)

    assert any(node.op.endswith("While") for node in _nodes(layer, clips))
    outputs, others = frame_by_frame()
    assert_close(outputs, at_once)
    assert_all_close(others, gradients, GRADIENT)


def _nodes(layer, clips):
    graph = tf.function(layer).get_concrete_function(tf.TensorSpec(clips.shape)).graph
    return [
        *graph.as_graph_def().node,
        *(node for f in graph.as_graph_def().library.function for node in f.node_def),
    ]


def test_blocks_stand_where_the_paper_puts_them():
    backbone = VideoResNet(**TINY, non_local=("res4",), graphs=("res2", "res3", "res4", "res5"))
    kinds = {Bottleneck: "b", NonLocal: "n", RSTG: "g"}
    order = {
        stage: "".join(kinds[type(layer)] for layer in layers)
        for stage, layers in backbone.stages.items()
    }
    assert order == {"res2": "bbgb", "res3": "bbbgb", "res4": "bbnbbnbgbn", "res5": "bbgb"}
    assert list(backbone.blocks) == ["res2", "res3", "res4", "res5"]


def test_c2d_sees_single_frames_up_to_the_pool_in_time():
    clip = make_clip(1, 8, 32, 32, 3)
    changed = tf.concat([clip[:, :3], 2 * clip[:, 3:4], clip[:, 4:]], axis=1)
    for kernels, spread in ((C2D_KERNELS, [1]), (None, [0, 1, 2, 3])):
        backbone = showing(VideoResNet(width=1 / 32, temporal_kernels=kernels))
        steps = zip(*(tf.unstack(backbone(c), axis=1) for c in (clip, changed)), strict=True)
        moved = [relative_difference(now, before) > FORWARD for before, now in steps]
        assert np.flatnonzero(moved).tolist() == spread


def test_recompute_changes_memory_and_nothing_else():
    clip = make_clip(2, 4, 32, 32, 3)
    options = {**TINY, "graphs": ("res3",)}
    options["graph_options"] = {**TINY["graph_options"], "norm": "batch"}
    plain, thrifty = (showing(VideoResNet(**options, recompute=flag)) for flag in (False, True))
    thrifty.set_weights(plain.get_weights())

    def gradients(backbone):
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(tf.square(backbone(clip, training=True)))
        return tape.gradient(loss, backbone.trainable_weights)

    assert_all_close(gradients(thrifty), gradients(plain), GRADIENT)
    # Running it twice must not learn its statistics twice.
    assert_all_close(thrifty.weights, plain.weights, FORWARD)


def test_attention_of_every_block():
    backbone = VideoResNet(**TINY, graphs=("res2", "res4"))
    _, attention = backbone(make_clip(2, 6, 32, 32, 3), return_attention=True)
    edges = len(backbone.blocks["res2"].edges)
    assert {place: weights.shape.as_list() for place, weights in attention.items()} == {
        "res2": [2, 6, 1, edges],
        "res4": [2, 3, 1, edges],
    }


@pytest.mark.parametrize(
    "options, message",
    [
        ({"graphs": ("res6",)}, "`graphs` must hold stages"),
        ({"non_local": ("final",)}, "`non_local` must hold stages"),
        ({"temporal_kernels": {"stem": 1}}, "`temporal_kernels` must have sizes"),
        ({"width": 0}, "`width` must be positive"),
    ],
)
def test_refuses(options, message):
    with pytest.raises(ValueError, match=message):
        VideoResNet(**options)


def test_config_round_trip():
    backbone = VideoResNet(**TINY, non_local=("res3",), graphs=("res4",), batch_norm="frozen")
    assert VideoResNet.from_config(backbone.get_config()).get_config() == backbone.get_config()


@pytest.mark.parametrize(
    "name, expected",
    [
        ("c2d", 23_864_558),
        pytest.param("i3d", 27_580_398, marks=pytest.mark.slow),
        ("i3d_nl", 34_938_862),
    ],
)
def test_trainable_parameters_at_paper_size_are_the_authors(name, expected):
    config = experiments.get_experiment(name, "paper")
    config.model.channels = 3
    model = experiments.build_model(config.model)
    assert sum(int(tf.size(weight)) for weight in model.trainable_weights) == expected


def test_batch_normalisation_takes_the_statistics_of_all_devices(tmp_path):
    script = pathlib.Path(__file__).with_name("sync_batch_norm.py")
    subprocess.run([sys.executable, script, tmp_path / "weights.npz"], check=True, timeout=600)
    with np.load(tmp_path / "weights.npz") as arrays:
        names = arrays["names"].tolist()
        before, one, two = (
            [arrays[f"{run}/{n}"] for n in range(len(names))] for run in ("before", "one", "two")
        )
    assert_all_close(two, one, FORWARD, names)
    for kind in ("moving", "gamma", "kernel"):
        chosen = [n for n, name in enumerate(names) if kind in name]
        assert max(relative_difference(before[n], one[n]) for n in chosen) > 1e-3, kind
