"""Figures of a description against formulas, and the command that prints them."""

import itertools
import pathlib
import subprocess
import sys

import pytest
import tensorflow as tf
import tiny

from rstg_tf import VideoClassifier, experiments
from rstg_tf.describe import describe, draw, multiply_adds

REPOSITORY = pathlib.Path(__file__).resolve().parents[1]
NODES, EDGES = 14, 90
D, M, K = 8, 6, 2
GRAPH = {"node_dim": D, "message_dim": M, "iterations": K}


def rstg(frames, cells, channels, to_map):
    """Multiply-adds of a block whose nodes are projected, and back."""
    send = 2 * NODES * D * M + EDGES * 2 * NODES * M + EDGES * M * M
    attention = 2 * NODES * D * D + NODES * NODES * D
    gather = NODES * NODES * EDGES + NODES * EDGES * M
    update = NODES * (D + M) * D + NODES * D * D
    lstm = NODES * 2 * D * 4 * D
    ends = NODES * cells * channels + 2 * NODES * channels * D
    if to_map:
        ends += NODES * NODES * channels + cells * NODES * NODES + cells * (NODES + 1) * channels
    return frames * (K * (send + attention + gather + update + lstm) + lstm + ends)


def non_local(frames, rows, columns, channels):
    positions, inner = frames * rows * columns, channels // 2
    pooled = frames * (rows // 2) * (columns // 2)
    projections = (positions + 2 * pooled + positions) * channels * inner
    return projections + 2 * positions * pooled * inner


def simple(head, **options):
    return VideoClassifier(5, backbone_options={"filters": (4, 6)}, head=head, head_options=options)


def trace(model, clip_shape):
    function = tf.function(lambda clips: model(clips, training=False)["logits"])
    return function.get_concrete_function(tf.TensorSpec([1, *clip_shape], tf.uint8)).graph


def graph_of(function, *shapes):
    return (
        tf.function(function).get_concrete_function(*[tf.TensorSpec(shape) for shape in shapes])
    ).graph


def total(function, *shapes):
    return sum(multiply_adds(graph_of(function, *shapes)).values())


@pytest.fixture(scope="module")
def resnet():
    model = VideoClassifier(
        5,
        backbone="video_resnet",
        backbone_options={
            "width": 1 / 16,
            "graphs": ("res3",),
            "non_local": ("res4",),
            "graph_options": GRAPH,
        },
        head="average",
        head_options={"graph_options": GRAPH},
        norm="none",
    )
    return model, describe(model, (4, 32, 64), "tiny")


def test_stages_of_a_video_resnet_cost_what_formulas_say(resnet):
    _, description = resnet
    found = {(stage.place, stage.what): stage for stage in description.stages}
    stem = found["stem", "convolution"]
    assert stem.shape == (4, 16, 32, 4)
    assert stem.multiply_adds == 4 * 16 * 32 * 4 * (5 * 7 * 7 * 3)
    assert (stem.trainable, stem.statistics) == (5 * 7 * 7 * 3 * 4 + 2 * 4, 2 * 4)

    res2 = found["res2", "3 residual blocks"]
    assert res2.shape == (4, 7, 15, 16)
    first = 3 * 4 * 4 + 9 * 4 * 4 + 4 * 16 + 4 * 16
    other = 3 * 16 * 4 + 9 * 4 * 4 + 4 * 16
    assert res2.multiply_adds == 4 * 7 * 15 * (first + 2 * other)

    block = found["res3", "RSTG to map"]
    assert (block.shape, block.kind, block.branch) == ((2, 4, 8, 32), "graph", True)
    assert block.multiply_adds == rstg(2, 4 * 8, 32, to_map=True)
    vector = found["head", "RSTG to vec"]
    assert (vector.shape, vector.branch) == ((128,), True)
    assert vector.multiply_adds == rstg(2, 2 * 4, 128, to_map=False)
    assert found["classifier", "dense"].multiply_adds == 128 * 5


def test_non_local_blocks_cost_what_the_formula_says(resnet):
    _, description = resnet
    blocks = [stage for stage in description.stages if stage.kind == "non_local"]
    assert [block.shape for block in blocks] == [(2, 2, 4, 64)] * 3
    assert {block.multiply_adds for block in blocks} == {non_local(2, 2, 4, 64)}


def test_places_stand_in_the_order_of_the_model(resnet):
    _, description = resnet
    assert [(stage.place, stage.kind) for stage in description.stages] == [
        ("stem", "plain"),
        ("res2", "plain"),
        ("res3", "plain"),
        ("res3", "graph"),
        ("res3", "plain"),
        *[("res4", kind) for kind in ("plain", "non_local") * 3],
        ("res5", "plain"),
        ("head", "graph"),
        ("head", "plain"),
        ("classifier", "plain"),
    ]


@pytest.mark.parametrize(
    "head, options",
    [
        ("rstg", GRAPH),
        ("rstg", {"variant": "homogeneous", **GRAPH}),
        ("mean", {"units": 4}),
        ("mean_lstm", {"units": 4}),
    ],
)
def test_stages_of_a_simple_model_sum_up(head, options):
    model = simple(head, **options)
    check_sums(model, describe(model, (3, 12, 14)))


def test_stages_of_a_video_resnet_sum_up(resnet):
    check_sums(*resnet)


def check_sums(model, description):
    trainable = sum(weight.shape.num_elements() for weight in model.trainable_weights)
    assert description.total("trainable") == trainable
    assert description.total("statistics") == model.count_params() - trainable
    # A trace that nobody watches: the description left nothing behind.
    assert description.total("multiply_adds") == sum(
        multiply_adds(trace(model, description.clip_shape)).values()
    )
    assert not any("call" in vars(module) for module in model.submodules)
    blocks = {weight.ref(): weight for b in model.blocks.values() for weight in b.trainable_weights}
    assert description.total("trainable", "graph") == sum(
        weight.shape.num_elements() for weight in blocks.values()
    )


@pytest.mark.parametrize("frames", [2, 7])
def test_an_lstm_counts_once_a_frame(frames):
    description = describe(simple("conv_lstm", units=5, grid=2), (frames, 22, 22))
    backbone, head, _ = description.stages
    assert backbone.shape == (frames, 4, 4, 6)
    assert backbone.multiply_adds == frames * (20**2 * 9 * 3 * 4 + 8**2 * 9 * 4 * 6)
    convolution, cells, project = 16 * 9 * 6 * 5, 4 * 16 * 5, 4 * 5 * 5
    assert head.multiply_adds == frames * (convolution + cells + project + 2 * 5 * 4 * 5)


@pytest.mark.parametrize(
    "function, shapes, expected",
    [
        (tf.matmul, ([2, 3], [3, 5]), 2 * 3 * 5),
        (lambda a, b: tf.matmul(a, b, transpose_a=True), ([3, 2], [3, 5]), 2 * 3 * 5),
        (tf.matmul, ([4, 2, 3], [3, 5]), 4 * 2 * 3 * 5),
        (lambda a, b: tf.matmul(a, b, transpose_a=True), ([4, 3, 2], [4, 3, 5]), 4 * 2 * 3 * 5),
        (lambda a, b: tf.einsum("bij,jk->bki", a, b), ([4, 2, 3], [3, 5]), 4 * 2 * 3 * 5),
        (
            lambda x, k: tf.nn.conv2d(x, k, 2, "VALID"),
            ([1, 7, 9, 4], [3, 3, 2, 6]),  # Two groups.
            3 * 4 * 6 * 9 * 2,
        ),
        (
            lambda x, k: tf.nn.depthwise_conv2d(x, k, [1, 1, 1, 1], "SAME"),
            ([1, 5, 6, 4], [3, 3, 4, 2]),
            5 * 6 * 8 * 9,
        ),
        (
            lambda x, k: tf.nn.conv3d(x, k, [1] * 5, "VALID"),
            ([1, 4, 5, 6, 2], [3, 1, 1, 2, 3]),
            2 * 5 * 6 * 3 * 3 * 2,
        ),
    ],
)
def test_operations_by_formula(function, shapes, expected):
    assert total(function, *shapes) == expected


def test_a_product_that_no_output_needs_does_not_count():
    def function(a, b):
        tf.matmul(b, b)
        return tf.matmul(a, b)

    assert total(function, [2, 3], [3, 3]) == 18


def test_calls_and_loops_count_what_runs_inside():
    @tf.function
    def inner(a, b):
        return tf.matmul(a, b)

    def looped(a, b):
        return tf.while_loop(lambda i, _: i < 5, lambda i, x: (i + 1, inner(x, b)), (2, a))[1]

    assert total(lambda a, b: inner(inner(a, b), b), [2, 3], [3, 3]) == 36
    assert total(looped, [2, 3], [3, 3]) == 3 * 18


def test_a_loop_of_unknown_length_is_refused():
    def by_twos(a, b):
        return tf.while_loop(lambda i, _: i < 5, lambda i, x: (i + 2, x @ b), (2, a))[1]

    def by_value(a, b):
        return tf.while_loop(lambda x: tf.reduce_sum(x) < 5, lambda x: (x @ b,), (a,))[0]

    for function in (by_twos, by_value):
        with pytest.raises(ValueError, match="rounds of a loop must be known"):
            total(function, [2, 3], [3, 3])


def test_an_unknown_size_is_refused():
    with pytest.raises(ValueError, match="All sizes must be known"):
        total(tf.matmul, [None, 3], [3, 5])


def test_a_clip_that_is_too_small_is_refused(resnet):
    for size in ((1, 32, 32), (4, 31, 32), (4, 32)):
        with pytest.raises(ValueError, match=r"at least 2x32x32. Received: \d"):
            describe(resnet[0], size)


def test_boxes_of_the_drawing_are_apart_and_say_what_the_table_says(resnet):
    _, description = resnet
    figure = draw(description)
    ax = figure.subfigs[0].axes[0]
    boxes = [patch.get_extents() for patch in ax.patches if hasattr(patch, "get_boxstyle")]
    assert len(boxes) == 1 + len(description.stages)
    assert not any(a.overlaps(b) for a, b in itertools.combinations(boxes, 2))
    texts = [text.get_text() for text in ax.texts]
    for stage in description.stages:
        assert f"{stage.place}: {stage.what}" in texts
        assert "x".join(map(str, stage.shape)) in " ".join(texts)
    trunk = boxes[0]
    for stage, box in zip(description.stages, boxes[1:], strict=True):
        assert (box.x0 > trunk.x1) == stage.branch
    (regions,) = figure.subfigs[1].axes
    assert "14 nodes, 90 directed edges" in regions.get_title()
    stored = description.total("trainable") + description.total("statistics")
    assert f"{stored / 1e3:.1f} k parameters" in figure.get_suptitle()


def test_time_alone_is_drawn_without_edges():
    options = {"node_dim": 8, "variant": "time_only"}
    figure = draw(describe(VideoClassifier(5, head="rstg", head_options=options), (4, 32, 32)))
    (regions,) = figure.subfigs[1].axes
    assert regions.get_title().endswith("14 nodes")
    assert not any(text.arrow_patch for text in regions.texts)


def call(*arguments, cwd):
    command = [sys.executable, REPOSITORY / "pipelines" / "describe.py", *arguments]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)


def test_command_prints_a_table_and_draws(tmp_path):
    flags = ["--scale=lite", f"--params-override={tiny.as_flag()}", "--clip-shape=5x30x26"]
    done = call("interactions_rstg", *flags, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    picture = tmp_path / "runs" / "descriptions" / "interactions_rstg_lite.png"
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert "wrote runs/descriptions/interactions_rstg_lite.png" in done.stdout

    config = tiny.tiny_experiment()
    config.model.num_classes, config.model.channels = 20, 3
    model = experiments.build_model(config.model)
    assert str(describe(model, (5, 30, 26))) in done.stdout
    rows = {line.split()[0]: line.split() for line in done.stdout.splitlines() if line}
    trainable, statistics, _ = (int(word.replace(",", "")) for word in rows["total"][1:])
    assert trainable + statistics == model.count_params()
    assert rows["graph"][-3:] == rows["head"][-3:]


@pytest.mark.parametrize(
    "arguments, message",
    [
        (["rstg_res3_4", "--clip-shape=32x224"], "--clip-shape must be TxHxW"),
        (["rstg_res3_5"], "rstg_res3_4"),
        (["interactions_rstg", "--params-override=model.drop=1"], "model.dropout"),
        ([".", "--scale=lite"], "--scale must stand with an experiment"),
    ],
)
def test_command_refuses_in_one_line(arguments, message, tmp_path):
    done = call(*arguments, cwd=tmp_path)
    assert done.returncode == 2
    assert [line.partition(":")[0] for line in done.stderr.splitlines()] == ["error"]
    assert message in done.stderr
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_i3d_has_the_parameters_of_the_released_code():
    config = experiments.get_experiment("i3d", "paper")
    config.model.channels = 3
    description = describe(experiments.build_model(config.model), (32, 224, 224))
    assert description.total("trainable") == 27_580_398
    assert description.stages[-3].shape == (16, 14, 14, 2048)
