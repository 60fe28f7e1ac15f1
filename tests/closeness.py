"""Arrays compared relative to the largest value of what is expected.

Rounding comes from the large values of an array and stands in all of its entries, those near zero,
too: a tolerance of each entry would fail there on one processor and hold on another, and one
absolute tolerance for all arrays would be strict for some and empty for others.
"""

import numpy as np

# Largest absolute difference over the largest absolute expected value, and the largest one seen
# with AVX-512, with AVX2 and without oneDNN.  float32 rounds by 6e-8, float64 by 1e-16.
BLOCK = 1e-6  # One block, run otherwise: compiled, frame by frame, in another model.  Seen: 2e-7.
FORWARD = 3e-6  # A model, run otherwise: batched, as a stream, saved, exported.  Seen: 5e-7.
REFERENCE = 1e-5  # Another program, such as loops in float64 or the authors' block.  Seen: 2e-6.
NETWORK = 1e-4  # Fifty convolutions in a row of another framework.  Seen: 1e-5.
GRADIENT = 1e-4  # Back through recurrence and batch statistics, of another compiler.  Seen: 2e-5.
FLOAT64 = 1e-12
# Floats of 16 bits round in every operation, and those of a dozen in a row add up.  Seen: 4.5e-3
# and 1e-2.
MIXED_PRECISION = {"float16": 10 * 2.0**-10, "bfloat16": 8 * 2.0**-8}
# Frames that TensorFlow and OpenCV make smaller may have pixels that are off by one; of logits.
ROUNDED_PIXELS = 2e-3
# What sums that should cancel to zero hold of the largest array that the same computation gives:
# a few roundings.  Seen: 7e-7.
ROUNDING = 1e-6


def relative_difference(received, expected):
    """Largest absolute difference of two arrays over the largest absolute value of the second."""
    received, expected = _checked(received, expected, "the array")
    assert expected.any(), "nothing is relative to an array of zeros"
    return float(np.abs(received - expected).max() / np.abs(expected).max())


def assert_close(received, expected, tolerance=FORWARD, name="the array", rounding=0.0):
    """Raises AssertionError where two arrays differ in shape or by more than the tolerance.

    Args:
        received: array or tensor of floats.
        expected: array or tensor of the same shape, or one number; finite, not all zeros.
        tolerance: largest absolute difference, over the largest absolute expected value.
        name: what is compared, for the message.
        rounding: an absolute difference that is allowed beside it.
    """
    received, expected = _checked(received, expected, name)
    difference = np.abs(received - expected)
    largest = np.abs(expected).max()
    assert largest > 0 or rounding > 0, f"{name}: expected are zeros only, which compare exactly"
    allowed = tolerance * largest + rounding
    if difference.max() <= allowed:
        return
    worst = np.unravel_index(np.argmax(difference), difference.shape)
    raise AssertionError(
        f"{name} differs by {difference.max():.3g} where {allowed:.3g} is allowed, {tolerance:g} "
        f"of the largest expected value {largest:.6g}. Worst at {[int(i) for i in worst]}: "
        f"received {received[worst]:.9g}, expected {expected[worst]:.9g}; "
        f"{int((difference > allowed).sum())} of {difference.size} values are off"
    )


def assert_all_close(received, expected, tolerance, names=None):
    """Compares arrays that come from one computation, such as the gradients of one loss, in order.

    One that should be zero but for rounding, such as the gradient of a bias before a batch norm,
    may differ by what rounding the largest value among all of them leaves.
    """
    received, expected = list(received), list(expected)
    names = list(names or (f"array {number}" for number in range(len(expected))))
    assert len(received) == len(expected) == len(names) > 0, (len(received), len(expected), names)
    largest = max(np.abs(_as_float64(array, "an expected array")).max() for array in expected)
    for name, one, other in zip(names, received, expected, strict=True):
        assert_close(one, other, tolerance, name, rounding=ROUNDING * largest)


def _checked(received, expected, name):
    received = _as_float64(received, f"{name} (received)")
    expected = _as_float64(expected, f"{name} (expected)")
    expected = np.broadcast_to(expected, received.shape) if expected.ndim == 0 else expected
    assert received.shape == expected.shape, (
        f"{name} must have the shape {expected.shape}. Received: {received.shape}"
    )
    return received, expected


def _as_float64(array, what):
    array = np.asarray(array)
    numbers = array.dtype != bool and np.can_cast(array.dtype, np.float64)
    assert numbers, f"{what} must be numbers, not {array.dtype}"
    assert array.size, f"{what} has no values: it would compare nothing"
    array = array.astype(np.float64)
    finite = np.isfinite(array)
    if not finite.all():
        first = [int(i) for i in np.argwhere(~finite)[0]]
        raise AssertionError(
            f"{what} has {int((~finite).sum())} of {array.size} values that are not finite, the "
            f"first at {first}: {array[tuple(first)]}"
        )
    return array
