"""Random configurations of the block against the loop-written NumPy form."""

import hypothesis
import numpy as np
import tensorflow as tf
from closeness import REFERENCE, assert_close
from hypothesis import strategies as st
from naive_block import NaiveBlock

from rstg_tf import RSTG
from rstg_tf.layers import rstg

GRIDS = st.one_of(st.integers(1, 3), st.tuples(st.integers(1, 3), st.integers(1, 3)))


@st.composite
def configurations(draw):
    attention = draw(st.sampled_from(["dot", "additive", "mean"]))
    heads = 1 if attention == "mean" else draw(st.sampled_from([1, 2]))
    variant = draw(st.sampled_from(rstg.VARIANTS))
    final = draw(st.sampled_from([None, "last", "mean"]))
    return {
        "scales": tuple(draw(st.lists(GRIDS, min_size=1, max_size=3))),
        # Layer normalisation of two channels divides by their difference, however small: rounding
        # would count a hundredfold. With more channels it hardly happens.
        "node_dim": draw(st.sampled_from([6, 10])),
        "message_dim": draw(st.sampled_from([8, 12])),
        "iterations": draw(st.integers(1, 3)),
        "attention": attention,
        "heads": heads,
        "readout": draw(st.sampled_from(rstg.READOUTS)),
        "final": final,
        "variant": variant,
        "positional": draw(st.booleans()),
        "dim_map": draw(st.integers(1, 7)),
        "norm": draw(st.sampled_from(["none", "layer", "batch"])),
        "update_layers": draw(st.integers(1, 2)),
        "scalewise_update": draw(st.booleans()),
        "residual": draw(st.booleans()),
        "output_norm": draw(st.sampled_from(["none", "layer", "batch"])),
    }


def randomize(layer, seed):
    """Gives every weight a value that shows, the same in every run.

    Fresh blocks have zero scales and biases, and kernels that differ from run to run.
    """
    rng = np.random.default_rng(seed)
    for variable in layer.weights:
        noise = rng.normal(size=variable.shape, scale=0.4)
        if "variance" in variable.name:
            noise = np.abs(noise) + 0.5
        elif "gamma" in variable.name:
            noise += 1.0
        variable.assign(noise)


@hypothesis.settings(max_examples=15, deadline=None, derandomize=True)
@hypothesis.given(
    configuration=configurations(),
    shape=st.tuples(*[st.integers(1, 2), st.integers(1, 4), st.integers(1, 5), st.integers(1, 5)]),
    channels=st.sampled_from([6, 9]),
    seed=st.integers(0, 99),
)
def test_block_equals_the_naive_form(configuration, shape, channels, seed):
    block = RSTG(**configuration)
    inputs = np.random.default_rng(seed).normal(size=(*shape, channels)).astype(np.float32)
    block.build(inputs.shape)
    randomize(block, seed)
    want, want_attention = NaiveBlock(block)(inputs.astype(np.float64))
    hypothesis.assume(want.any())  # With some weights no ReLU lets anything through.

    outputs = block(inputs).numpy()
    assert outputs.shape == want.shape
    assert_close(outputs, want, REFERENCE)
    if configuration["variant"] != "time_only":
        outputs, attention = block(inputs, return_attention=True)
        assert_close(outputs, want, REFERENCE)
        assert attention.shape == want_attention.shape
        assert attention.shape[-1] == len(block.edges)
        if len(block.edges):  # A node by itself hears nobody.
            assert_close(attention, want_attention, REFERENCE)

    state = block.initial_state(shape[0])
    for frame in range(shape[1]):
        output, state = block.step(tf.constant(inputs[:, frame]), state)
    last = want if configuration["readout"] == "vec" else want[:, -1]
    assert_close(output, last, REFERENCE)
