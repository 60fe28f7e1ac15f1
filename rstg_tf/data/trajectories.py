"""Reads the trajectory files of SyncMNIST's authors, which are pickles, without running them."""

import codecs
import os
import pickle
from typing import NamedTuple

import numpy as np


class Trajectories(NamedTuple):
    """Recorded motion of `R * S` videos: `R` repetitions for each of `S` images of a split.

    Image `s` is the first digit of the videos `(r, s)`. Positions are (y, x) of the top left
    corner on the canvas, in pixels.

    Attributes:
        coords_digits: int64 `[R, S, T, n, 2]`: positions of the digits.
        noise_coords: int64 `[R, S, T, p, 2]`: positions of the noise parts.
        ind_rand_part: int64 `[R, S, p]`: images that the noise parts are cut from.
        ind_digits: int64 `[R, S, n]`: images of the digits.
        set_digits: int64 `[R, S, n - 1]`: classes of the digits but the first.
        sincron_prob: int64 `[R, S]`: 1 where the first two digits move in synchrony, else 0.
    """

    coords_digits: np.ndarray
    noise_coords: np.ndarray
    ind_rand_part: np.ndarray
    ind_digits: np.ndarray
    set_digits: np.ndarray
    sincron_prob: np.ndarray


def load_trajectories(path):
    """Loads a trajectory file.

    Args:
        path: A pickle of a dict of arrays, also one written by Python 2 or an older NumPy.

    Returns:
        `Trajectories`.

    Raises:
        FileNotFoundError: `path` does not exist.
        ValueError: The file holds anything but arrays and plain containers (nothing of it is
            run), is damaged, or its arrays are missing or don't fit together.
    """
    path = os.fspath(path)
    if not os.path.exists(path):
        raise FileNotFoundError(f"There is no trajectory file. Received: {path}")
    with open(path, "rb") as file:
        try:
            content = _ArrayUnpickler(file, encoding="latin1").load()
        except _Refused as error:
            raise ValueError(
                f"The trajectory file may hold arrays and plain containers only, but {error}; "
                f"nothing of it was run. Received: {path}"
            ) from None
        except Exception as error:  # A damaged pickle can end in almost any exception.
            raise ValueError(
                f"The trajectory file is not a pickle, or a damaged one ({error!r}). "
                f"Received: {path}"
            ) from error
    return _check(content, path)


class _Refused(Exception):
    pass


class _ArrayUnpickler(pickle.Unpickler):
    """Unpickles NumPy arrays and plain containers, and refuses all else before it is called."""

    def find_class(self, module, name):
        module = module.replace("numpy._core", "numpy.core").replace("__builtin__", "builtins")
        allowed = {
            ("numpy", "ndarray"): np.ndarray,
            ("numpy", "dtype"): np.dtype,
            ("numpy.core.multiarray", "_reconstruct"): _reconstruct,
            ("numpy.core.multiarray", "scalar"): _scalar,
            ("numpy.core.numeric", "_frombuffer"): _from_buffer,
            ("_codecs", "encode"): _encode,
            ("builtins", "set"): set,
            ("builtins", "frozenset"): frozenset,
            ("builtins", "bytearray"): bytearray,
            ("collections", "OrderedDict"): dict,
        }
        if (module, name) not in allowed:
            raise _Refused(f"it asks for {module}.{name}")
        return allowed[module, name]


def _reconstruct(kind, shape, typecode):
    if kind is not np.ndarray:
        raise _Refused(f"it builds an array of type {kind!r}")
    return np.ndarray.__new__(np.ndarray, shape, typecode)


def _scalar(dtype, content):
    data = content.encode("latin1") if isinstance(content, str) else content
    return np.frombuffer(data, dtype)[0]


def _from_buffer(buffer, dtype, shape, order):
    return np.frombuffer(buffer, dtype).reshape(shape, order=order)


def _encode(text, encoding):
    if codecs.lookup(encoding).name != "iso8859-1":
        raise _Refused(f"it decodes with {encoding!r}")
    return text.encode("latin1")


# Axes of each array: repetitions, images, times, numbers of digits, of others, of noise parts.
_AXES = {
    "coords_digits": "RSTn2",
    "noise_coords": "RSTp2",
    "ind_rand_part": "RSp",
    "ind_digits": "RSn",
    "set_digits": "RSm",
    "sincron_prob": "RS",
}


def _check(content, path):
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
        array = np.asarray(content[name])
        if array.dtype.kind not in "biuf" or not np.all(array == np.floor(array)):
            raise ValueError(f"{name!r} must hold whole numbers, not {array.dtype}: {path}")
        for axis, length in zip(axes, array.shape, strict=False):
            lengths.setdefault(axis, length)
        lengths["m"] = lengths.get("n", 0) - 1
        shape = tuple(lengths.get(axis) for axis in axes)
        if array.shape != shape:
            raise ValueError(
                f"{name!r} must have shape {list(axes)} = {shape}, as in the arrays before it, "
                f"not {array.shape}. Received: {path}"
            )
        arrays[name] = array.astype(np.int64)
    if lengths["n"] < 2 or lengths["T"] < 2:
        raise ValueError(
            f"Trajectories must have at least 2 digits and 2 frames, not {lengths['n']} and "
            f"{lengths['T']}. Received: {path}"
        )
    return Trajectories(**arrays)
