"""PIL's antialiased bilinear resize of grey frames, compiled, to the last bit."""

import math

import numba
import numpy as np

_PRECISION = 22  # bits after the point in the weights of PIL's 8-bit resize

_compiled = numba.njit(cache=True, nogil=True)


def bilinear_weights(length, new_length):
    """Returns the weights of a resize along one axis, as PIL computes them.

    Args:
        length: Number of pixels, at least 1.
        new_length: Number of pixels wanted, at least 1.

    Returns:
        `(starts, weights)`: int32 `[new_length]`, the first pixel that counts, and int32
        `[new_length, taps]`, fixed-point weights of the pixels from there on.
    """
    scale = length / new_length
    support = max(scale, 1.0)
    starts = np.zeros(new_length, np.int32)
    weights = np.zeros((new_length, math.ceil(support) * 2 + 1))
    for i in range(new_length):
        centre = (i + 0.5) * scale
        starts[i] = max(int(centre - support + 0.5), 0)
        stop = min(int(centre + support + 0.5), length)
        pixels = np.arange(starts[i], stop) + 0.5
        triangle = np.maximum(0.0, 1.0 - np.abs(pixels - centre) / support)
        weights[i, : len(pixels)] = triangle / triangle.sum()
    taps = np.flatnonzero(weights.any(axis=0))[-1] + 1
    return starts, np.int32(weights[:, :taps] * (1 << _PRECISION) + 0.5)


@_compiled
def _resize_rows(frame, starts, weights, out):
    """Resizes along the first axis: `frame` [h, W] to `out` [H, W], both uint8."""
    width = frame.shape[1]
    total = np.empty(width, np.int32)
    for i in range(out.shape[0]):
        total[:] = 1 << (_PRECISION - 1)
        for k in range(weights.shape[1]):
            weight = weights[i, k]
            if weight == 0:
                continue
            row = frame[starts[i] + k]
            for j in range(width):
                total[j] += weight * np.int32(row[j])
        for j in range(width):
            out[i, j] = np.uint8(total[j] >> _PRECISION)


@_compiled
def resize_transposed(frame, starts, weights, scratch, out):
    """Resizes a square frame, given transposed.

    Args:
        frame: uint8 `[n, n]`, indexed by (x, y): PIL resizes along x first, and with x first in
            memory both passes run over contiguous rows.
        starts: From `bilinear_weights(n, m)`.
        weights: From `bilinear_weights(n, m)`.
        scratch: uint8 `[m, n]`, overwritten.
        out: uint8 `[m, m]`, indexed by (y, x), overwritten.
    """
    _resize_rows(frame, starts, weights, scratch)
    _resize_rows(scratch.T.copy(), starts, weights, out)
