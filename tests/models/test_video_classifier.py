import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf
from bfloat16 import needs_bfloat16
from closeness import FORWARD, MIXED_PRECISION, assert_close, relative_difference

from rstg_tf.models import VideoClassifier

HEADS = {
    "rstg": {"node_dim": 8, "message_dim": 8, "iterations": 2, "norm": "layer"},
    "mean": {"units": 8},
    "mean_lstm": {"units": 8},
    "conv_lstm": {"units": 8},
}


def make_model(head="rstg", **options):
    tf.keras.utils.set_random_seed(7)
    return VideoClassifier(
        5,
        backbone_options={"filters": (4, 8, 8)},
        head=head,
        head_options=HEADS[head],
        **options,
    )


def make_clips(batch=2, frames=4, height=32, width=32, channels=3):
    rng = np.random.default_rng(3)
    return rng.integers(0, 256, (batch, frames, height, width, channels), dtype=np.uint8)


@pytest.fixture(scope="module", params=HEADS)
def model(request):
    return make_model(request.param)


def test_outputs(model):
    outputs = model(make_clips())
    assert set(outputs) == {"logits", "probabilities"}
    assert outputs["logits"].shape == (2, 5)
    assert outputs["logits"].dtype == outputs["probabilities"].dtype == tf.float32
    assert_close(outputs["probabilities"], tf.nn.softmax(outputs["logits"]))


def test_any_batch_frames_and_size(model):
    graph = tf.function(model, input_signature=[tf.TensorSpec([None] * 4 + [3], tf.uint8)])
    for shape in ((1, 2, 22, 30), (3, 6, 40, 36)):
        clips = make_clips(*shape)
        assert_close(graph(clips)["logits"], model(clips)["logits"])


def test_config_round_trip(model):
    clone = VideoClassifier.from_config(model.get_config())
    assert clone.get_config() == model.get_config()
    clone.set_weights(model.get_weights())
    np.testing.assert_array_equal(clone(make_clips())["logits"], model(make_clips())["logits"])


def test_stream_equals_clip_at_every_frame(model):
    clips = make_clips(frames=5)
    state = model.initial_state(2)
    for t in range(5):
        outputs, state = model.step(clips[:, t], state)
        if t >= 1:  # A clip has two frames or more.
            whole = model(clips[:, : t + 1])
            assert_close(outputs["logits"], whole["logits"])


def test_only_the_mean_is_blind_to_order():
    clips = make_clips(frames=6)
    for head in HEADS:
        model = make_model(head)
        difference = relative_difference(model(clips)["logits"], model(clips[:, ::-1])["logits"])
        assert difference < FORWARD if head == "mean" else difference > 1e-3, head


def test_attention():
    model = make_model("rstg")
    attention = model.attention(make_clips())
    assert attention.shape == (2, 4, 2, len(model.block.edges))
    with pytest.raises(ValueError, match="Only an RSTG block has attention"):
        make_model("mean").attention(make_clips())
    assert make_model("mean").block is None


def test_preprocessing():
    clips = make_clips()
    scale = {"none": clips, "unit": clips / 255.0, "kinetics": (clips - 114.75) / 57.375}
    for kind, expected in scale.items():
        got = make_model("mean", preprocessing=kind)._preprocess(tf.constant(clips))
        assert_close(got, expected)


def test_dropout_and_norm_are_used():
    model = make_model("mean", dropout=0.5)
    clips = make_clips()
    trained, logits = (model(clips, training=flag)["logits"] for flag in (True, False))
    assert relative_difference(trained, logits) > 1e-2
    assert make_model("mean", norm="none").count_params() == model.count_params() - 2 * 8


@pytest.mark.parametrize(
    "policy", [pytest.param("mixed_bfloat16", marks=needs_bfloat16), "mixed_float16"]
)
def test_mixed_precision(policy):
    before = tf.keras.mixed_precision.global_policy()
    tf.keras.mixed_precision.set_global_policy(policy)
    try:
        mixed = make_model("rstg")
    finally:
        tf.keras.mixed_precision.set_global_policy(before)
    full = make_model("rstg")
    mixed.set_weights(full.get_weights())
    outputs = mixed(make_clips())["logits"]
    assert outputs.dtype == tf.float32
    assert_close(outputs, full(make_clips())["logits"], MIXED_PRECISION[policy[6:]])


@pytest.mark.parametrize(
    "shape, message",
    [
        ((4, 32, 32, 3), "frames, height, width, 3"),
        ((2, 4, 32, 32, 1), "frames, height, width, 3"),
        ((2, 1, 32, 32, 3), "at least 2 frames"),
        ((2, 0, 32, 32, 3), "at least 2 frames"),
        ((2, 4, 21, 32, 3), "at least 22 rows"),
        ((2, 4, 32, 21, 3), "at least 22 columns"),
    ],
)
def test_refuses_bad_clips(shape, message):
    model = make_model("mean")
    with pytest.raises(ValueError, match=message) as error:
        model(np.zeros(shape, np.uint8))
    assert "Received" in str(error.value)
    if len(shape) == 5 and shape[-1] == 3:
        graph = tf.function(model, input_signature=[tf.TensorSpec([None] * 4 + [3], tf.uint8)])
        with pytest.raises(tf.errors.InvalidArgumentError, match=message):
            graph(np.zeros(shape, np.uint8))


@pytest.mark.parametrize(
    "options, message",
    [
        ({"head": "gru"}, "head='gru'"),
        ({"num_classes": 1}, "num_classes=1"),
        ({"preprocessing": "mean"}, "preprocessing='mean'"),
        ({"norm": "batch"}, "norm='batch'"),
    ],
)
def test_refuses_bad_options(options, message):
    with pytest.raises(ValueError, match=f"Received: {message}"):
        VideoClassifier(**{"num_classes": 5, "head": "mean", **options})


LOAD = """
import os, sys
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
import keras
import numpy as np
model = keras.models.load_model(sys.argv[1])
clips = np.load(sys.argv[2])
np.save(sys.argv[3], model.predict(clips, batch_size=2, verbose=0)["logits"])
model(clips[:1, :3, :28])
model.compile("sgd", {"logits": keras.losses.SparseCategoricalCrossentropy(from_logits=True)})
history = model.fit(clips, np.arange(len(clips)), epochs=3, batch_size=3, verbose=0)
losses = history.history["loss"]
assert losses[-1] < losses[0], losses
assert "rstg_tf" not in sys.modules
"""


def test_saved_model_loads_without_this_package(tmp_path):
    model, clips = make_model("rstg"), make_clips(batch=3)
    expected = model(clips)["logits"].numpy()
    model.save(tmp_path / "model")
    np.save(tmp_path / "clips.npy", clips)
    arguments = [str(tmp_path / name) for name in ("model", "clips.npy", "logits.npy")]
    subprocess.run([sys.executable, "-c", LOAD, *arguments], cwd=tmp_path, check=True)
    assert_close(np.load(tmp_path / "logits.npy"), expected)
    loaded = tf.keras.models.load_model(tmp_path / "model")
    assert type(loaded) is VideoClassifier
    assert loaded.get_config() == model.get_config()
