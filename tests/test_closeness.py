import numpy as np
import pytest
import tensorflow as tf
from closeness import FORWARD, GRADIENT, assert_all_close, assert_close, relative_difference

EXPECTED = np.random.default_rng(0).normal(size=(3, 4, 5))


@pytest.mark.parametrize("scale", [1e-12, 1e-3, 1.0, 1e12])
def test_tolerance_is_relative_to_the_largest_value(scale):
    expected = scale * EXPECTED
    largest = np.abs(expected).max()
    for entry in ((0, 0, 0), (2, 3, 4)):  # Whether the entry itself is large or not.
        received = expected.copy()
        received[entry] += 0.9 * FORWARD * largest
        assert_close(received, expected)
        assert relative_difference(received, expected) == pytest.approx(0.9 * FORWARD, rel=1e-3)
        received[entry] += 0.2 * FORWARD * largest
        with pytest.raises(AssertionError):
            assert_close(received, expected)


def test_the_message_shows_the_worst_place():
    received = EXPECTED.copy()
    received[1, 2, 3] += 0.5
    received[0, 0, 1] += 0.25
    with pytest.raises(AssertionError) as caught:
        assert_close(received, EXPECTED, name="nodes")
    assert str(caught.value) == (
        f"nodes differs by 0.5 where {FORWARD * np.abs(EXPECTED).max():.3g} is allowed, {FORWARD:g}"
        f" of the largest expected value {np.abs(EXPECTED).max():.6g}. Worst at [1, 2, 3]: received"
        f" {received[1, 2, 3]:.9g}, expected {EXPECTED[1, 2, 3]:.9g}; 2 of 60 values are off"
    )


@pytest.mark.parametrize(
    "received, expected, message",
    [
        (EXPECTED[0], EXPECTED, r"must have the shape \(3, 4, 5\). Received: \(4, 5\)"),
        (EXPECTED[:, :, :1], EXPECTED, "must have the shape"),
        (EXPECTED[None], EXPECTED, "must have the shape"),
        (1.0, EXPECTED, "must have the shape"),
        (np.where(EXPECTED > 1.5, np.nan, EXPECTED), EXPECTED, "values that are not finite"),
        (np.where(EXPECTED > 1.5, np.nan, EXPECTED),) * 2 + ("values that are not finite",),
        (EXPECTED, EXPECTED * np.inf, "values that are not finite"),
        (np.zeros([0, 3]), np.zeros([0, 3]), "has no values"),
        (np.zeros(3), np.zeros(3), "zeros only"),
        (np.ones(3), np.zeros(3), "zeros only"),
        (np.ones(3, bool), np.ones(3), "must be numbers, not bool"),
        (np.array(["a", "b"]), np.ones(2), "must be numbers, not <U1"),
        (np.array([None, 1.0]), np.ones(2), "must be numbers, not object"),
        (np.ones(2, complex), np.ones(2), "must be numbers, not complex128"),
    ],
)
def test_what_can_not_be_compared_is_no_success(received, expected, message):
    with pytest.raises(AssertionError, match=message):
        assert_close(received, expected, tolerance=1e9)


def test_tensors_of_any_float_and_single_numbers():
    for dtype in (tf.float64, tf.float32, tf.float16, tf.bfloat16):
        assert_close(tf.constant([1.0, 2.0], dtype), [1.0, 2.0])
    assert_close(tf.constant([3, 3]), 3.0)
    with pytest.raises(AssertionError, match="1 of 2 values are off"):
        assert_close(tf.constant([3, 4]), 3.0)


def test_sums_that_cancel_may_hold_rounding_of_their_neighbours_only():
    expected = [EXPECTED, np.zeros(3), 1e-4 * EXPECTED[0]]
    noise = 5e-7 * np.abs(EXPECTED).max()
    assert_all_close([EXPECTED, np.full(3, noise), expected[2]], expected, GRADIENT)
    for wrong, named in (
        ([EXPECTED, np.full(3, 3 * noise), expected[2]], "array 1 differs"),
        ([EXPECTED, expected[1], 1.1 * expected[2]], "array 2 differs"),
        ([1.001 * EXPECTED, *expected[1:]], "array 0 differs"),
    ):
        with pytest.raises(AssertionError, match=named):
            assert_all_close(wrong, expected, GRADIENT)


@pytest.mark.parametrize("received", [[], [EXPECTED], [EXPECTED] * 3])
def test_as_many_arrays_as_are_expected(received):
    with pytest.raises(AssertionError):
        assert_all_close(received, [EXPECTED] * 2, GRADIENT)
    with pytest.raises(AssertionError):
        assert_all_close([], [], GRADIENT)
