"""The comparisons of a block can fail: each of these errors, small ones, too, is found."""

import functools

import numpy as np
import pytest
import tensorflow as tf
from closeness import GRADIENT, REFERENCE, assert_all_close, assert_close
from naive_block import NaiveBlock
from test_rstg import features, make_block

INPUTS = features(1, 3, 4, 3, 12)


def block_with(**options):
    """As wide as that some messages pass its ReLUs: where none does, no error in them shows."""
    options = {"heads": 1, "node_dim": 12, "message_dim": 12, "readout": "vec", **options}
    return make_block(channels=12, **options)


def transposed_kernel(block):
    kernel = block.space_stage.send.hidden.kernel
    kernel.assign(tf.transpose(kernel))


def missing_message_term(block):
    kernel = block.space_stage.send.target.kernel
    kernel.assign(tf.zeros_like(kernel))


def scale_too_large_by_a_thousandth(block):
    gamma = block.space_stage.update.normalization.gamma
    gamma.assign(1.001 * gamma)


def one_wrong_weight(block):
    kernel = block.final_time_stage.lstm.cell.recurrent_kernel
    kernel.assign(tf.tensor_scatter_nd_add(kernel, [[0, 0]], [0.01]))


def epsilon_of_another_norm(block):
    for layer in block.submodules:
        if isinstance(layer, tf.keras.layers.LayerNormalization):
            layer.epsilon = 1e-3
        elif isinstance(layer, tf.keras.layers.BatchNormalization):
            layer.epsilon = 1e-5


def gates_in_another_order(block):
    bias = block.final_time_stage.lstm.cell.bias
    one, two, three, four = tf.split(bias, 4)
    bias.assign(tf.concat([one, three, two, four], 0))


def attention_divided_by_the_root_of_its_size(block):
    for weight in block.space_stage.gather.query.weights:
        weight.assign(weight / 12**0.5)


def one_iteration_less(block):
    block.iterations -= 1


WRONG_BLOCKS = [
    transposed_kernel,
    missing_message_term,
    scale_too_large_by_a_thousandth,
    one_wrong_weight,
    epsilon_of_another_norm,
    gates_in_another_order,
    attention_divided_by_the_root_of_its_size,
    one_iteration_less,
]


@functools.cache
def naive_output(norm):
    return NaiveBlock(block_with(norm=norm))(INPUTS.astype(np.float64))[0]


@pytest.mark.parametrize("norm", ["layer", "batch"])
@pytest.mark.parametrize("break_it", WRONG_BLOCKS, ids=lambda function: function.__name__)
def test_wrong_block_differs_from_the_naive_form(break_it, norm):
    block, expected = block_with(norm=norm), naive_output(norm)
    assert_close(block(INPUTS), expected, REFERENCE)
    break_it(block)
    with pytest.raises(AssertionError, match="values are off"):
        assert_close(block(INPUTS), expected, REFERENCE)


@pytest.mark.parametrize("error", ["one_edge_less", "transposed_regions", "one_frame_late"])
def test_wrong_edges_regions_and_frames_differ_from_the_naive_form(error):
    block = block_with(readout="map")
    received, inputs = block(INPUTS), INPUTS.astype(np.float64)
    naive = NaiveBlock(block)
    assert_close(received, naive(inputs)[0], REFERENCE)
    if error == "one_edge_less":
        naive.heard[0].pop()
    elif error == "transposed_regions":
        naive.boxes = [(*box[2:], *box[:2]) for box in naive.boxes]
    else:
        inputs = np.roll(inputs, 1, axis=1)
    with pytest.raises(AssertionError, match="values are off"):
        assert_close(received, naive(inputs)[0], REFERENCE)


def gradients(block, inputs=INPUTS):
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(tf.sin(block(tf.constant(inputs), training=True)))
    return tape.gradient(loss, block.trainable_weights)


@pytest.mark.parametrize("break_it", WRONG_BLOCKS, ids=lambda function: function.__name__)
def test_gradients_of_a_wrong_block_differ(break_it):
    block = block_with(norm="iteration_batch")
    expected = gradients(block)
    break_it(block)
    with pytest.raises(AssertionError, match="values are off"):
        assert_all_close(gradients(block), expected, GRADIENT)


def test_gradients_of_other_frames_and_of_a_thousandth_more_differ():
    block = block_with(norm="iteration_batch")
    expected = gradients(block)
    with pytest.raises(AssertionError, match="values are off"):
        assert_all_close(gradients(block, np.roll(INPUTS, 1, axis=1)), expected, GRADIENT)
    largest = max(np.abs(gradient).max() for gradient in expected)
    counted = [n for n, array in enumerate(expected) if np.abs(array).max() > 1e-2 * largest]
    assert len(counted) > len(expected) / 2
    for n in counted:
        wrong = [*expected[:n], 1.001 * expected[n], *expected[n + 1 :]]
        with pytest.raises(AssertionError, match=f"array {n} differs"):
            assert_all_close(wrong, expected, GRADIENT)
