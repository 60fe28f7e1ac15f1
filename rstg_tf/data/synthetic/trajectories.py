"""Reads the trajectory files of SyncMNIST's authors, which are pickles, without running them."""

import os
from typing import NamedTuple

import numpy as np

from rstg_tf.data.synthetic.array_pickle import MAX_BYTES, Array, Refused, read_arrays


class Trajectories(NamedTuple):
    """Recorded motion of `R * S` videos: R repetitions for each of S images of a split.

    Image s is the first digit of the videos (r, s). All are int64; positions are (y, x) of the top
    left corner on the canvas, in pixels.
    """

    coords_digits: np.ndarray  # [R, S, T, n, 2]: positions of the digits.
    noise_coords: np.ndarray  # [R, S, T, p, 2]: positions of the noise parts.
    ind_rand_part: np.ndarray  # [R, S, p]: images that the noise parts are cut from.
    ind_digits: np.ndarray  # [R, S, n]: images of the digits.
    set_digits: np.ndarray  # [R, S, n - 1]: classes of all digits but the first.
    sincron_prob: np.ndarray  # [R, S]: 1 if the first two move in synchrony, else 0.


def load_trajectories(path):
    """Loads `Trajectories` from a pickle, also one by Python 2 or an older NumPy; runs none of it.

    Raises FileNotFoundError if it is missing, and ValueError if it is damaged, longer than 1 GiB,
    holds anything but arrays and plain containers, or its arrays don't fit.
    """
    path = os.fspath(path)
    if not os.path.exists(path):
        raise FileNotFoundError(f"There is no trajectory file. Received: {path}")
    with open(path, "rb") as file:
        content = file.read(min(os.fstat(file.fileno()).st_size, MAX_BYTES) + 1)
    if len(content) > MAX_BYTES:
        raise ValueError(
            f"The trajectory file has more than {MAX_BYTES} bytes, so much is read at most. "
            f"Received: {path}"
        )
    try:
        found = read_arrays(content)
    except Refused as error:
        raise ValueError(
            f"The trajectory file may hold arrays and plain containers only, but {error}; "
            f"nothing of it was run. Received: {path}"
        ) from None
    except (ValueError, EOFError, LookupError, TypeError, ArithmeticError) as error:
        reason = f"{type(error).__name__}: {error}"[:200]
        raise ValueError(
            f"The trajectory file is not a pickle, or a damaged one ({reason}). Received: {path}"
        ) from error
    # In a file that was not made up every number takes a byte at least.
    return _check(found, len(content), path)


# Axes of each array: repetitions, images, times, numbers of digits, of others, of noise parts.
_AXES = {
    "coords_digits": "RSTn2",
    "noise_coords": "RSTp2",
    "ind_rand_part": "RSp",
    "ind_digits": "RSn",
    "set_digits": "RSm",
    "sincron_prob": "RS",
}


def _check(content, most, path):
    if not isinstance(content, dict):
        raise ValueError(
            f"The trajectory file must hold a dict of arrays, not a {type(content).__name__}. "
            f"Received: {path}"
        )
    missing = sorted(set(_AXES) - set(content))
    if missing:
        raise ValueError(
            f"The trajectory file must hold {', '.join(_AXES)}; missing: {', '.join(missing)}. "
            f"Received: {path}"
        )
    arrays, lengths = {}, {"2": 2}
    for name, axes in _AXES.items():
        try:
            array = _whole_numbers(content[name], len(axes), most)
        except (ValueError, OverflowError) as error:
            raise ValueError(f"{name!r} must hold whole numbers ({error}): {path}") from None
        most -= array.size
        for axis, length in zip(axes, array.shape, strict=False):
            lengths.setdefault(axis, length)
        lengths["m"] = lengths.get("n", 0) - 1
        shape = tuple(lengths.get(axis) for axis in axes)
        if array.shape != shape:
            raise ValueError(
                f"{name!r} must have shape {list(axes)} = {shape}, as in the arrays before it, "
                f"not {array.shape}. Received: {path}"
            )
        arrays[name] = array
    if not lengths["R"] * lengths["S"]:
        raise ValueError(f"The trajectory file holds no videos. Received: {path}")
    if lengths["n"] < 2 or lengths["T"] < 2:
        raise ValueError(
            f"Trajectories must have at least 2 digits and 2 frames, not {lengths['n']} and "
            f"{lengths['T']}. Received: {path}"
        )
    return Trajectories(**arrays)


def _whole_numbers(value, num_axes, most):
    """Returns an array, or lists of numbers, as int64 array of at most `most` elements."""
    if isinstance(value, Array):
        if value.size > most:
            raise ValueError("it has more of them than the file has bytes")
        array = value.made()
    else:
        array = _of_lists(value, num_axes, most)
    with np.errstate(invalid="ignore"):
        whole = array.astype(np.int64)
    if not np.array_equal(whole, array):
        raise ValueError("it holds others")
    return whole


def _of_lists(value, num_axes, most):
    level, shape = [value], ()
    while len(shape) < num_axes and level and all(isinstance(row, list | tuple) for row in level):
        shape += (len(level[0]),)
        if any(len(row) != shape[-1] for row in level):
            raise ValueError("its lists differ in length")
        if len(level) * shape[-1] > most:
            raise ValueError("it has more of them than the file has bytes")
        level = [item for row in level for item in row]
    if not all(isinstance(item, int | float) for item in level):
        raise ValueError("it holds something else")
    return np.array(level or np.empty(0, np.int64)).reshape(shape)
