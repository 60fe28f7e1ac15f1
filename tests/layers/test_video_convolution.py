import numpy as np
import pytest
import tensorflow as tf
from bfloat16 import needs_bfloat16
from closeness import FORWARD, REFERENCE, assert_close, relative_difference

from rstg_tf.layers import Bottleneck, NonLocal, VideoConvolution

KERNELS = [(1, 1, 1), (1, 3, 3), (3, 1, 1), (5, 7, 7), (3, 3, 3)]


def make_input(*shape):
    return tf.random.stateless_normal(shape, seed=[1, 2])


def randomized(layer):
    """Gives every weight of a built layer a value that shows."""
    rng = np.random.default_rng(0)
    layer.set_weights([rng.uniform(0.5, 1.5, weight.shape) for weight in layer.get_weights()])
    return layer


@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("kernel", KERNELS, ids=str)
def test_is_padding_convolution_normalisation_relu(kernel, stride):
    clip = make_input(2, 5, 9, 8, 3)
    layer = VideoConvolution(4, kernel, stride, use_bias=True)
    layer(clip)
    randomized(layer)
    pads = [[size // 2] * 2 for size in kernel]
    x = tf.pad(clip, [[0, 0], *pads, [0, 0]])
    x = tf.nn.conv3d(x, layer.kernel, [1, 1, stride, stride, 1], "VALID") + layer.bias
    norm = layer.normalization
    x = (x - norm.moving_mean) / tf.sqrt(norm.moving_variance + 1e-5) * norm.gamma + norm.beta
    assert_close(layer(clip), tf.nn.relu(x), REFERENCE)
    assert layer(clip).shape == (2, 5, -(-9 // stride), 8 // stride, 4)


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("kernel", KERNELS, ids=str)
def test_both_layouts_give_the_same_numbers(kernel, stride, training):
    clip = make_input(2, 4, 7, 6, 3)
    frames = VideoConvolution(4, kernel, stride, layout="frames")
    volume = VideoConvolution(4, kernel, stride, layout="volume")
    frames(clip), volume(clip)
    volume.set_weights(randomized(frames).get_weights())
    expected = volume(clip, training=training)
    assert_close(frames(clip, training=training), expected)


def test_frozen_statistics_stay_and_their_scale_learns():
    clip = make_input(2, 4, 6, 6, 3)
    for kind, moves in (("frozen", False), ("trained", True)):
        layer = VideoConvolution(4, (1, 3, 3), batch_norm=kind)
        layer(clip)
        before = layer.normalization.moving_mean.numpy()
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(tf.square(layer(clip, training=True)))
        assert np.any(layer.normalization.moving_mean != before) == moves
        gradients = tape.gradient(loss, layer.trainable_weights)
        assert len(gradients) == 3 and all(np.any(gradient) for gradient in gradients)
        difference = relative_difference(layer(clip, training=True), layer(clip))
        assert difference < FORWARD if kind == "frozen" else difference > 1e-2


@needs_bfloat16
def test_unknown_sizes_and_half_precision():
    layer = VideoConvolution(4, (3, 1, 1), dtype="mixed_bfloat16")
    clip = make_input(1, 4, 5, 6, 3)
    graph = tf.function(layer, input_signature=[tf.TensorSpec([None, None, None, None, 3])])
    graph(clip)
    randomized(layer)
    assert graph(clip).dtype == tf.bfloat16
    for shape in ((1, 4, 5, 6, 3), (2, 3, 7, 5, 3)):
        clip = make_input(*shape)
        assert graph(clip).shape == (*shape[:-1], 4)


@pytest.mark.parametrize(
    "options, message",
    [
        ({"batch_norm": "none"}, "`batch_norm` must be one of"),
        ({"layout": "cube"}, "`layout` must be one of"),
        ({"kernel_size": (2, 1, 1)}, "`kernel_size` must be three odd numbers"),
    ],
)
def test_refuses(options, message):
    with pytest.raises(ValueError, match=message):
        VideoConvolution(4, **options)


def test_bottleneck_adds_its_branch_to_the_shortcut():
    clip = make_input(1, 4, 7, 7, 8)
    for options, shape in (
        ({"temporal_kernel": 3}, (1, 4, 7, 7, 8)),
        ({"stride": 2, "project": True}, (1, 4, 4, 4, 8)),
    ):
        block = Bottleneck(2, **options)
        block(clip)
        shortcut = clip if block.shortcut is None else block.shortcut(clip)
        assert_close(block(clip), tf.nn.relu(shortcut))  # Scale is zero.
        randomized(block)
        branch = block.expand(block.middle(block.reduce(clip)))
        shortcut = clip if block.shortcut is None else block.shortcut(clip)
        assert_close(block(clip), tf.nn.relu(shortcut + branch))
        assert block(clip).shape == shape


def test_non_local_attends_to_all_pooled_positions():
    clip = make_input(2, 3, 5, 4, 6)
    block = NonLocal()
    np.testing.assert_array_equal(block(clip), clip)  # Its scale starts at zero.
    randomized(block)
    pooled = tf.reshape(tf.nn.max_pool3d(clip, (1, 2, 2), (1, 2, 2), "VALID"), [2, 12, 6]).numpy()
    positions = tf.reshape(clip, [2, 60, 6]).numpy()
    query, key, value = (
        features @ layer.kernel.numpy() + layer.bias.numpy()
        for features, layer in (
            (positions, block.query),
            (pooled, block.key),
            (pooled, block.value),
        )
    )
    gathered = np.zeros([2, 60, 3], np.float32)
    for clip_index in range(2):
        for position in range(60):
            logits = key[clip_index] @ query[clip_index, position] / np.sqrt(3)
            weights = np.exp(logits - logits.max())
            gathered[clip_index, position] = weights / weights.sum() @ value[clip_index]
    expected = clip + block.project(gathered.reshape(2, 3, 5, 4, 3))
    assert_close(block(clip), expected, REFERENCE)


@pytest.mark.parametrize(
    "layer",
    [
        VideoConvolution(4, (3, 1, 1), 2, True, False, "frozen", "zeros", "volume", name="a"),
        Bottleneck(4, 3, 2, True, batch_norm="frozen", layout="volume", name="b"),
        NonLocal("frozen", name="c"),
    ],
    ids=lambda layer: layer.name,
)
def test_config_round_trip(layer):
    config = layer.get_config()
    assert type(layer).from_config(config).get_config() == config
