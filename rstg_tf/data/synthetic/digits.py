"""Handwritten digits: MNIST, or scikit-learn's small ones where MNIST can't be had."""

import math
import os
import socket
import warnings
import zipfile
from dataclasses import dataclass

import numpy as np

_SPLITS = ("train", "test")
_EMBEDDED_TEST = 500
_MAX_DIGITS, _MAX_HEADER = 1_000_000, 10_000
_HEADERS = {
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
}


@dataclass(frozen=True)
class Digits:
    """Digit images of one split; the source is `"mnist"` or `"embedded"`."""

    images: np.ndarray  # uint8 [N, 28, 28].
    labels: np.ndarray  # int64 [N], 0 ... 9.
    source: str


def load_digits(split, source="auto", path=None):
    """Loads the digits of the `"train"` or `"test"` split.

    `"mnist"` comes from `path`, an `.npz` file such as MNIST's, or Keras's download and cache.
    `"embedded"` are scikit-learn's 1,797 digits of 8x8 pixels, enlarged to 20x20 and centred, the
    last 500 of them for testing. `"auto"` warns and takes those if MNIST can't be downloaded, where
    `"mnist"` raises OSError. Raises FileNotFoundError or ValueError for a missing or damaged file.
    """
    if split not in _SPLITS:
        raise ValueError(f'`split` must be "train" or "test". Received: {split!r}')
    if source not in ("auto", "mnist", "embedded"):
        raise ValueError(f'`source` must be "auto", "mnist" or "embedded". Received: {source!r}')
    if path is not None:
        if source == "embedded":
            raise ValueError(f"The embedded digits have no file. Received: path={path!r}")
        return _load_npz(os.fspath(path), split)
    if source == "embedded":
        return _load_embedded(split)
    try:
        return _load_npz(_download(), split)
    except OSError as error:
        if source == "mnist":
            raise
        warnings.warn(f"MNIST can't be had ({error}); using scikit-learn's digits.", stacklevel=2)
        return _load_embedded(split)


def _download():
    """Returns the path of Keras's copy of MNIST, downloaded if need be."""
    cached = os.path.join(
        os.environ.get("KERAS_HOME") or os.path.join(os.path.expanduser("~"), ".keras"),
        "datasets",
        "mnist.npz",
    )
    if os.path.exists(cached):
        return cached
    timeout = socket.getdefaulttimeout()
    socket.setdefaulttimeout(20)
    try:
        import tensorflow as tf

        tf.keras.datasets.mnist.load_data()
    except ImportError:
        raise OSError("Keras, which downloads MNIST, is not installed") from None
    except Exception as error:  # Keras raises a bare Exception when a download fails.
        raise OSError(f"MNIST can't be downloaded: {error}") from error
    finally:
        socket.setdefaulttimeout(timeout)
    return cached


def _load_npz(path, split):
    if not os.path.exists(path):
        raise FileNotFoundError(f"There is no digit file. Received: {path}")
    try:
        with zipfile.ZipFile(path) as archive:
            images = _array(archive, f"x_{split}", (28, 28), np.uint8)
            labels = _array(archive, f"y_{split}", (), None)
        if labels.dtype.kind not in "iu" or labels.shape != images.shape[:1]:
            raise ValueError(
                f"y_{split} must hold one label for each of the {len(images)} images, not "
                f"{labels.dtype} of shape {labels.shape}"
            )
        if set(np.unique(labels)) != set(range(10)):
            raise ValueError(f"in y_{split} each digit 0 ... 9 must occur, and nothing else")
    except Exception as error:  # A damaged archive can end in almost any exception.
        raise ValueError(
            f"The digit file can't be read ({str(error)[:300] or type(error).__name__}); expected "
            f"an .npz file with x_train, y_train, x_test, y_test as MNIST's. Received: {path}"
        ) from error
    return Digits(images, labels.astype(np.int64), "mnist")


def _array(archive, name, shape, dtype):
    """Reads an array from an .npz file after checking the size that its header states.

    `shape` leaves out the first axis; a `dtype` of None allows any integers.
    """
    member = archive.getinfo(f"{name}.npy")
    with archive.open(member) as file:
        version = np.lib.format.read_magic(file)
        if version not in _HEADERS:
            raise ValueError(f"{name} has a header of version {version}")
        found, _, found_dtype = _HEADERS[version](file, max_header_size=_MAX_HEADER)
        wanted = f"{np.dtype(dtype or int)} of shape (N{''.join(f', {n}' for n in shape)})"
        if (
            len(found) != 1 + len(shape)
            or found[1:] != shape
            or found_dtype.kind not in "iu"
            or dtype not in (None, found_dtype)
        ):
            raise ValueError(f"{name} must be {wanted}, not {found_dtype} of shape {found}")
        length = math.prod(found) * found_dtype.itemsize
        if not 0 <= found[0] <= _MAX_DIGITS or member.file_size - file.tell() != length:
            raise ValueError(f"{name} holds another number of bytes than its shape {found} needs")
    with archive.open(member) as file:  # To its end, where its checksum is compared.
        array = np.lib.format.read_array(file, allow_pickle=False, max_header_size=_MAX_HEADER)
        if file.read(1):
            raise ValueError(f"{name} is followed by other bytes")
    return array


def _load_embedded(split):
    import cv2
    from sklearn.datasets import load_digits as load_small

    small = load_small()
    # The digits come ordered by writer, so the last ones are by people unseen in training.
    part = slice(-_EMBEDDED_TEST, None) if split == "test" else slice(-_EMBEDDED_TEST)
    images = np.zeros((len(small.target[part]), 28, 28), np.uint8)
    for image, grey in zip(images, small.images[part] * (255 / 16), strict=True):
        large = cv2.resize(grey, (20, 20), interpolation=cv2.INTER_CUBIC)
        image[4:24, 4:24] = np.clip(np.rint(large), 0, 255)
    return Digits(images, small.target[part].astype(np.int64), "embedded")
