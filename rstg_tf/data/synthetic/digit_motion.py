"""Compiled random motion, drawing and resizing of the digits of SyncMNIST.

Frames are resized as by PIL, antialiased and bilinear, to the last bit.
"""

import math

import numba
import numpy as np

CANVAS, DIGIT, PART = 100, 28, 8
_STEP = 10  # steps are drawn from -10 ... 9
_INK = 10  # pixels below let through what is under them
_PRECISION = 22  # bits after the point in the weights of PIL's 8-bit resize

_compiled = numba.njit(cache=True, nogil=True)


def bilinear_weights(length, new_length):
    """Returns the weights of a resize along one axis, as PIL computes them.

    They are the first pixel that counts, int32 `[new_length]`, and the fixed-point weights from
    there on, int32 `[new_length, taps]`.
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
    """Resizes uint8 `[n, n]`, indexed by (x, y), into `out`, uint8 `[m, m]`, indexed by (y, x).

    PIL resizes along x first; with x first in memory, both passes run over contiguous rows.
    `scratch` is uint8 `[m, n]`, and the weights are `bilinear_weights(n, m)`.
    """
    _resize_rows(frame, starts, weights, scratch)
    _resize_rows(scratch.T.copy(), starts, weights, out)


@_compiled
def _uniform(state):
    """Draws from [0, 1) by SplitMix64; `state` is uint64 `[1]`."""
    state[0] += np.uint64(0x9E3779B97F4A7C15)
    z = state[0]
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    z ^= z >> np.uint64(31)
    return float(z >> np.uint64(11)) * 2.0**-53


@_compiled
def _integer(state, low, high):
    """Draws an integer from [low, high)."""
    return low + int(_uniform(state) * (high - low))


@_compiled
def _walk(state, positions, side, persistence):
    """Moves g squares together: writes their (y, x) to `positions`, int64 `[T, g, 2]`.

    `persistence` is the chance of keeping the last step, cut to what keeps them on the canvas.
    """
    places = CANVAS - side
    last = np.zeros(2, np.int64)
    now = np.empty(positions.shape[1:], np.int64)
    for member in range(now.shape[0]):
        for axis in range(2):
            now[member, axis] = _integer(state, 0, places)
    for t in range(positions.shape[0]):
        keep = t > 0 and _uniform(state) < persistence
        for axis in range(2):
            low = max(-_STEP, -now[:, axis].min())
            high = min(_STEP, places - now[:, axis].max())
            if keep:
                step = min(max(last[axis], low), high - 1)
            else:
                step = _integer(state, low, high)
                last[axis] = step
            now[:, axis] += step
        positions[t] = now


@_compiled
def _shuffle(state, values, count):
    """Shuffles the first `count` of `values` in place: a random choice of `count` of them."""
    for k in range(count):
        other = _integer(state, k, len(values))
        values[k], values[other] = values[other], values[k]


@_compiled
def draw_motion(state, class_starts, by_class, persistence, unsynchronised, chosen, track):
    """Draws digits and their motion; returns whether the first two move in synchrony.

    `state` is uint64 `[1]`. Of the image numbers `by_class`, int64 `[N]`, those of class c go from
    `class_starts[c]` to `class_starts[c + 1]`. It writes image numbers of n different classes to
    `chosen`, int64 `[n]`, and their (y, x) to `track`, int64 `[T, n, 2]`. `persistence` (as in
    `_walk`) and `unsynchronised` are chances.
    """
    count = len(chosen)
    classes = np.arange(len(class_starts) - 1)
    _shuffle(state, classes, count)
    for k in range(count):
        digit = classes[k]
        chosen[k] = by_class[_integer(state, class_starts[digit], class_starts[digit + 1])]
    synchronous = _uniform(state) >= unsynchronised
    free = 0
    if synchronous:
        _walk(state, track[:, :2], DIGIT, persistence)
        free = 2
    for k in range(free, count):
        _walk(state, track[:, k : k + 1], DIGIT, persistence)
    return synchronous


@_compiled
def draw_parts(state, images, persistence, chosen, track):
    """Draws noise parts, `chosen` int64 `[p]` out of `images`, and their motion `[T, p, 2]`."""
    for k in range(len(chosen)):
        chosen[k] = _integer(state, 0, images)
        _walk(state, track[:, k : k + 1], PART, persistence)


@_compiled
def _stamp(canvas, stamp, y, x):
    """Draws `stamp` onto `canvas`, both indexed by (x, y)."""
    for i in range(stamp.shape[0]):
        for j in range(stamp.shape[1]):
            if stamp[i, j] >= _INK:
                canvas[x + i, y + j] = stamp[i, j]


@_compiled
def draw_video(
    state, images, chosen, track, part_chosen, part_track, shuffled, starts, weights, out
):
    """Draws digits `[n]` and noise parts `[p]` into `out`, uint8 `[T, size, size]`.

    `images` are uint8 `[N, 28, 28]`, indexed by (x, y); tracks are (y, x), int64 `[T, n, 2]` and
    `[T, p, 2]`. The weights are `bilinear_weights(CANVAS, size)`. Whether parts or digits lie in
    front is random, as is the order of the digits if `shuffled`.
    """
    order = np.arange(len(chosen))
    if shuffled:
        _shuffle(state, order, len(order))
    digits_behind = len(part_chosen) > 0 and _uniform(state) < 0.5
    canvas = np.empty((CANVAS, CANVAS), np.uint8)
    scratch = np.empty((out.shape[1], CANVAS), np.uint8)
    cut = (DIGIT - PART) // 2
    for t in range(out.shape[0]):
        canvas[:] = 0
        for layer in range(2):
            if (layer == 0) == digits_behind:
                for k in order:
                    _stamp(canvas, images[chosen[k]], track[t, k, 0], track[t, k, 1])
            else:
                for k in range(len(part_chosen)):
                    part = images[part_chosen[k], cut : cut + PART, cut : cut + PART]
                    _stamp(canvas, part, part_track[t, k, 0], part_track[t, k, 1])
        resize_transposed(canvas, starts, weights, scratch, out[t])
