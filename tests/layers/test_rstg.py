import subprocess
import sys
import warnings

import numpy as np
import pytest
import tensorflow as tf
from bfloat16 import needs_bfloat16
from closeness import (
    BLOCK,
    GRADIENT,
    MIXED_PRECISION,
    REFERENCE,
    assert_all_close,
    assert_close,
    relative_difference,
)
from test_rstg_against_naive import randomize

from rstg_tf import RSTG
from rstg_tf.layers.rstg import VARIANTS

SMALL = {"scales": (2, 1), "node_dim": 6, "message_dim": 4, "iterations": 2, "heads": 2}


def features(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def make_block(seed=1, channels=3, **options):
    """A small block whose weights are all away from their initial zeros."""
    block = RSTG(**{**SMALL, **options})
    block.build((None, None, None, None, channels))
    randomize(block, seed)
    return block


@pytest.mark.parametrize("norm", ["layer", "iteration_batch"])
@pytest.mark.parametrize("variant", VARIANTS)
def test_config_round_trip_is_complete(variant, norm):
    options = {
        "scales": ((2, 3), 1), "node_dim": 6, "message_dim": 9, "iterations": 2, "attention": "dot",
        "heads": 3, "readout": "vec", "final": "mean", "variant": variant, "positional": True,
        "dim_map": 4, "norm": norm, "update_layers": 1, "scalewise_update": True,
        "residual": False, "output_norm": "none", "project_back": True, "adjacency": "mask",
        "head_dim": 2, "internal_time_stages": 1, "node_batch_norm": True,
        "positional_grid": "floor", "name": "graph", "dtype": "float32", "trainable": False,
    }  # fmt: skip
    config = RSTG(**options).get_config()
    wanted = {**options, "scales": ((2, 3), (1, 1))}
    assert {name: config[name] for name in wanted} == wanted
    assert RSTG.from_config(config).get_config() == config


@pytest.mark.parametrize("readout", ["map", "vec"])
def test_eager_graph_and_symbolic_shapes_agree(readout):
    block, inputs = make_block(readout=readout), features(2, 3, 5, 4, 3)
    eager = block(inputs)
    assert_close(tf.function(block)(inputs), eager, BLOCK)
    assert block.compute_output_shape(inputs.shape) == eager.shape
    symbolic = block(tf.keras.Input((None, None, None, 3)))
    assert symbolic.shape.is_compatible_with(eager.shape)
    assert symbolic.shape[-1] == eager.shape[-1]


@pytest.mark.parametrize("readout", ["map", "vec"])
@pytest.mark.parametrize("variant", VARIANTS)
def test_one_function_serves_clips_of_any_size(readout, variant):
    block = make_block(readout=readout, variant=variant)
    function = tf.function(block, input_signature=[tf.TensorSpec((None, None, None, None, 3))])
    for shape in [(1, 1, 1, 1, 3), (2, 5, 4, 6, 3), (3, 2, 7, 1, 3)]:
        assert_close(function(features(*shape)), block(features(*shape)), BLOCK)
    assert function.experimental_get_tracing_count() == 1
    # The recurrence is a loop of the graph, not of Python.
    if variant in ("all_temp", "1_temp"):
        graph = function.get_concrete_function().graph.as_graph_def()
        operations = {n.op for f in graph.library.function for n in f.node_def}
        assert operations & {"While", "StatelessWhile"}


def test_a_fresh_residual_block_is_the_identity():
    block, inputs = RSTG(**SMALL), features(2, 3, 5, 4, 3)
    np.testing.assert_array_equal(block(inputs), inputs)


def test_a_fresh_residual_block_still_learns():
    block, inputs = RSTG(**SMALL), tf.constant(features(2, 3, 5, 4, 3))
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(block(inputs) ** 2)
    gradient = tape.gradient(loss, block.unpooling.gamma)
    assert np.abs(gradient).max() > 0


@pytest.mark.parametrize("final", ["last", "mean"])
@pytest.mark.parametrize("readout", ["map", "vec"])
@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("norm", ["none", "layer", "batch", "iteration_batch"])
def test_streaming_equals_the_clip_at_every_step(variant, readout, norm, final):
    block = make_block(variant=variant, readout=readout, norm=norm, final=final, positional=True)
    inputs = features(2, 4, 5, 4, 3)
    state = block.initial_state(2)
    assert all(tensor.shape[0] == 2 for tensor in state.values())
    for t in range(4):
        output, state = block.step(inputs[:, t], state)
        clip = block(inputs[:, : t + 1])
        assert_close(output, clip if readout == "vec" else clip[:, t], BLOCK)


def test_statistics_of_an_iteration_that_there_is_none_of():
    stage = make_block(norm="iteration_batch").space_stage
    with pytest.raises(ValueError, match=r"`iteration` must be one of 2, from 0. Received: 2"):
        stage(features(3, 5, 6), iteration=2)


@pytest.mark.parametrize("attention", ["dot", "additive"])
def test_statistics_of_each_iteration_make_inference_what_training_was(attention):
    differences = {}
    for norm in ("iteration_batch", "batch"):
        block = make_block(norm=norm, attention=attention, heads=1, iterations=3, readout="vec")
        norms = [m for m in block.submodules if isinstance(m, tf.keras.layers.BatchNormalization)]
        for layer in norms:
            layer.momentum = 0.0
            for statistic in (layer.moving_mean, layer.moving_variance):
                statistic.assign(tf.zeros_like(statistic))  # It moves by a rounded difference.
        inputs = features(4, 5, 5, 4, 3)
        trained = block(inputs, training=True)
        differences[norm] = relative_difference(block(inputs, training=False), trained)
    assert differences["iteration_batch"] < 1e-5 < 1e-2 < differences["batch"]


def test_streams_of_a_batch_may_start_at_different_times():
    block = make_block(variant="homogeneous", readout="vec", final="mean")
    inputs, fresh = features(1, 3, 5, 4, 3), block.initial_state(1)
    _, state = block.step(inputs[:, 0], block.initial_state(1))
    both = {name: tf.concat([state[name], fresh[name]], axis=0) for name in state}
    output, _ = block.step(np.repeat(inputs[:, 1], 2, axis=0), both)
    assert_close(output[:1], block(inputs[:, :2]), BLOCK)
    assert_close(output[1:], block(inputs[:, 1:2]), BLOCK)


@pytest.mark.parametrize(
    "options", [{"norm": "clip"}, {"norm": "clip", "readout": "vec"}, {"output_norm": "clip"}]
)
def test_a_block_that_is_not_causal_says_why_it_cannot_stream(options):
    block = make_block(**options)
    with pytest.raises(NotImplementedError, match="whole clip and can't run frame by frame"):
        block.initial_state(1)
    with pytest.raises(NotImplementedError, match="whole clip"):
        block.step(features(1, 5, 4, 3), {})


def test_wrong_states_are_refused():
    block = make_block()
    with pytest.raises(ValueError, match=r"`state` must have the entries .*final_hidden"):
        block.step(features(1, 5, 4, 3), {"hidden": 0})
    with pytest.raises(ValueError, match="one frame"):
        block.step(features(1, 2, 5, 4, 3), block.initial_state(1))
    with pytest.raises(ValueError, match="as many streams as there are frames, 2"):
        block.step(features(2, 5, 4, 3), block.initial_state(3))
    with pytest.raises(ValueError, match=r"frames of 3 channels .* shape \(1, 5, 4, 6\)"):
        block.step(features(1, 5, 4, 6), block.initial_state(1))


@pytest.mark.parametrize("variant", ["all_temp", "space_only", "homogeneous"])
def test_attention_is_a_distribution_over_what_a_node_hears(variant):
    block = make_block(variant=variant)
    outputs, attention = block(features(2, 3, 5, 4, 3), return_attention=True)
    assert_close(outputs, block(features(2, 3, 5, 4, 3)), BLOCK)
    assert attention.shape == (2, 3, 2, len(block.edges))
    for node in range(block.graph.num_nodes):
        heard = block.edges[:, 1] == node
        assert_close(attention.numpy()[..., heard].sum(-1), 1.0, BLOCK)


@pytest.mark.parametrize(
    "policy", ["mixed_float16", pytest.param("mixed_bfloat16", marks=needs_bfloat16)]
)
@pytest.mark.parametrize("variant", ["all_temp", "homogeneous"])
@pytest.mark.parametrize(("readout", "norm"), [("map", "layer"), ("vec", "iteration_batch")])
def test_mixed_precision_is_close_and_keeps_float32_weights(policy, variant, readout, norm):
    # Layer normalisation of a handful of ReLU channels, all near zero for some weights, would
    # enlarge any rounding: as many channels as this, and the same weights in every run.
    tf.keras.utils.set_random_seed(0)
    options = {**SMALL, "node_dim": 32, "message_dim": 32, "norm": norm, "output_norm": "none"}
    options |= {"readout": readout, "variant": variant}
    exact, half = RSTG(**options), RSTG(**options, dtype=policy)
    inputs = features(2, 3, 5, 4, 3)
    exact.build(inputs.shape)
    half.build(inputs.shape)
    half.set_weights(exact.get_weights())
    assert {weight.dtype for weight in half.weights} == {tf.float32}
    outputs = half(inputs)
    assert outputs.dtype == half.compute_dtype
    assert_close(outputs, exact(inputs), MIXED_PRECISION[half.compute_dtype])
    state = half.initial_state(2)
    _, state = half.step(inputs[:, 0], state)
    assert half.step(inputs[:, 1], state)[0].dtype == half.compute_dtype


@pytest.mark.parametrize("variant", ["all_temp", "homogeneous"])
@pytest.mark.parametrize(("readout", "norm"), [("map", "none"), ("vec", "iteration_batch")])
def test_compiles_with_xla_forward_and_backward(variant, readout, norm):
    # With some weights a channel hardly varies over these few samples, and normalising it enlarges
    # rounding: float32 is 2e-4 away from float64 with seed 3, and 7e-6 with this one.
    block = make_block(seed=6, readout=readout, variant=variant, norm=norm)
    inputs = tf.constant(features(2, 3, 5, 4, 3))

    def loss_and_gradients():
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(tf.sin(block(inputs, training=True)))
        return loss, tape.gradient(loss, block.trainable_weights)

    compiled = tf.function(loss_and_gradients, jit_compile=True)()
    eager = loss_and_gradients()
    assert_close(compiled[0], eager[0], REFERENCE)
    names = [weight.name for weight in block.trainable_weights]
    assert_all_close(compiled[1], eager[1], GRADIENT, names)


def classifier(features_of_a_clip):
    return tf.keras.layers.Dense(3)(features_of_a_clip)


def functional():
    inputs = tf.keras.Input((None, None, None, 3))
    return tf.keras.Model(inputs, classifier(RSTG(**SMALL, readout="vec")(RSTG(**SMALL)(inputs))))


def sequential():
    return tf.keras.Sequential(
        [
            tf.keras.Input((None, None, None, 3)),
            RSTG(**SMALL),
            tf.keras.layers.GlobalAveragePooling3D(),
            tf.keras.layers.Dense(3),
        ]
    )


class Subclassed(tf.keras.Model):
    def __init__(self):
        super().__init__()
        self.block, self.classifier = RSTG(**SMALL, readout="vec"), tf.keras.layers.Dense(3)

    def call(self, clips):
        return self.classifier(self.block(clips))


def time_distributed():
    """A Keras-applications backbone under `TimeDistributed`, as in the README."""
    backbone = tf.keras.applications.MobileNetV2(
        include_top=False, weights=None, alpha=0.35, input_shape=(32, 32, 3)
    )
    clips = tf.keras.Input((None, 32, 32, 3))
    maps = tf.keras.layers.TimeDistributed(backbone)(clips)
    return tf.keras.Model(clips, classifier(RSTG(**SMALL, readout="vec")(maps)))


LOAD = """
import sys, numpy as np, keras
model = keras.models.load_model(sys.argv[1])
assert "rstg_tf" not in sys.modules
np.save(sys.argv[3], model.predict(np.load(sys.argv[2]), verbose=0))
"""


@pytest.mark.parametrize(
    "make_model",
    # The last is among the README's examples, which every run executes.
    [functional, sequential, Subclassed, pytest.param(time_distributed, marks=pytest.mark.slow)],
)
def test_trains_in_somebody_elses_model(make_model):
    model = make_model()
    size = 32 if make_model is time_distributed else 6
    inputs = features(4, 3, size, size, 3)
    blocks = [layer for layer in model.layers if isinstance(layer, RSTG)]
    before = blocks[-1].get_weights()
    model.compile("adam", tf.keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    history = model.fit(inputs, np.array([0, 1, 2, 0]), epochs=2, batch_size=2, verbose=0)
    assert np.isfinite(history.history["loss"]).all()
    assert model.predict(inputs[:3, :2], verbose=0).shape == (3, 3)
    if before:  # A subclassed model has no weights before its first call.
        assert any((a != b).any() for a, b in zip(before, blocks[-1].get_weights(), strict=True))


@pytest.mark.parametrize(
    "make_model", [pytest.param(functional, marks=pytest.mark.slow), Subclassed]
)
def test_loads_where_our_code_is_not_imported(make_model, tmp_path):
    model, inputs = make_model(), features(3, 3, 6, 6, 3)
    model(tf.keras.Input((None, None, None, 3)))  # Any size from now on.
    model.save(tmp_path / "model", include_optimizer=False)
    np.save(tmp_path / "inputs.npy", inputs)
    arguments = [str(tmp_path / name) for name in ("model", "inputs.npy", "outputs.npy")]
    subprocess.run([sys.executable, "-c", LOAD, *arguments], check=True, cwd=tmp_path)
    assert_close(np.load(tmp_path / "outputs.npy"), model(inputs), BLOCK)


def test_checkpoints_hold_every_weight(tmp_path):
    block, other = make_block(node_batch_norm=True), RSTG(**SMALL, node_batch_norm=True)
    path = tf.train.Checkpoint(block=block).save(str(tmp_path / "block"))
    other.build((None, None, None, None, 3))
    tf.train.Checkpoint(block=other).restore(path).assert_consumed()
    for restored, saved in zip(other.get_weights(), block.get_weights(), strict=True):
        np.testing.assert_array_equal(restored, saved)


@pytest.mark.parametrize(
    "options, message",
    [
        ({"scales": (0,)}, r"positive int.*Received: 0"),
        (
            {"node_dim": 7},
            r"`node_dim` must be divisible by `heads`. Received: node_dim=7, heads=2",
        ),
        ({"message_dim": 5}, "`message_dim` must be divisible"),
        ({"node_dim": 0, "heads": 1}, r"positive int. Received: node_dim=0"),
        ({"iterations": 0}, "iterations=0"),
        ({"attention": "cosine"}, r"`attention` must be one of .* Received: attention='cosine'"),
        ({"attention": "mean"}, "neither heads nor logits"),
        ({"readout": "tensor"}, "readout='tensor'"),
        ({"variant": "all"}, "variant='all'"),
        ({"norm": "group"}, "norm='group'"),
        ({"final": "max"}, "final='max'"),
        ({"variant": "homogeneous", "adjacency": "weight"}, "inside a frame only"),
        ({"head_dim": 0}, r"`head_dim` must be a positive int"),
        ({"internal_time_stages": -1}, "`internal_time_stages` must be at least 0"),
    ],
)
def test_wrong_options_are_named(options, message):
    with pytest.raises(ValueError, match=message):
        RSTG(**{**SMALL, **options})


@pytest.mark.parametrize(
    "shape, message",
    [
        ((2, 5, 4, 3), "expected ndim=5, found ndim=4"),
        ((2, 3, 5, 4, 4), "expected axis -1 of input shape to have value 3"),
        ((2, 0, 5, 4, 3), "at least one frame and one pixel"),
        ((2, 3, 0, 4, 3), "at least one frame and one pixel"),
    ],
)
def test_wrong_maps_are_refused(shape, message):
    with pytest.raises(ValueError, match=message):
        make_block()(np.zeros(shape, np.float32))


def test_a_map_that_turns_out_to_have_no_frame_is_refused():
    block = tf.function(
        make_block(), input_signature=[tf.TensorSpec([None, None, None, None, 3], tf.float32)]
    )
    with pytest.raises(tf.errors.InvalidArgumentError, match="at least one frame and one pixel"):
        block(tf.zeros([2, 0, 5, 4, 3]))


def test_nodes_that_do_not_fit_the_map_are_refused():
    with pytest.raises(ValueError, match="project_back=False, node_dim=6, a map of 3 channels"):
        make_block(project_back=False)


def test_unknown_channels_are_refused():
    with pytest.raises(ValueError, match="known number of channels"):
        RSTG(**SMALL)(tf.keras.Input((None, None, None, None)))


def test_time_only_has_no_attention():
    with pytest.raises(ValueError, match="no attention"):
        make_block(variant="time_only")(features(1, 2, 5, 4, 3), return_attention=True)


@pytest.mark.parametrize("variant", ["all_temp", "homogeneous"])
def test_learns_under_a_distribution_strategy(variant):
    strategy = tf.distribute.MirroredStrategy(["CPU:0"])
    with strategy.scope():
        block = RSTG(**SMALL, readout="vec", variant=variant)
        model = tf.keras.Sequential([tf.keras.Input((None, None, None, 3)), block])
        model.compile("sgd", "mse")
    history = model.fit(features(4, 3, 5, 4, 3), np.zeros((4, 6)), batch_size=2, verbose=0)
    assert np.isfinite(history.history["loss"]).all()


def test_head_is_the_old_name_of_readout():
    with pytest.warns(DeprecationWarning, match="`head` of RSTG is `readout` now"):
        block = RSTG(**SMALL, head="vec")
    assert block.readout == "vec"
    config = block.get_config()
    config["head"] = config.pop("readout")
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # Published models hold the old name.
        assert RSTG.from_config(config).get_config() == block.get_config()
