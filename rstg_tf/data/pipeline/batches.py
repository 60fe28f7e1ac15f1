"""Batches of records to batches of clips, on all cores, with what is damaged named or skipped."""

import concurrent.futures
import ctypes
import functools
import os
import threading

import cv2
import numpy as np

from rstg_tf.data.shards.records import read_record

_ALIGNMENT = 64  # What TensorFlow takes over without a copy.
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3  # <malloc.h>


class Decoder:
    """Decodes batches of records of `Shards`.

    `seed` seeds the random changes of training; None decodes for evaluation.
    """

    def __init__(self, source, seed=None):
        self._source = source
        self._seed = seed
        self._lock = threading.Lock()
        self._threads = None
        if source.clips:
            keep_freed_memory()

    def __call__(self, positions, records, paths, numbers):
        """Decodes n records to uint8 `[n, T, H, W, C]` and int64 `[n]` labels.

        Blended, they are float32 `[n, classes]`. Arguments are `[n]`: int64 places in the training,
        for the seed; records, of which empty ones are read again; their files and int64 numbers. If
        damaged records are skipped, evaluation gives fewer clips and training repeats others; else
        they raise ValueError.
        """
        clips = _aligned((len(records), *self._source.clip_shape))
        labels = np.zeros(len(records), np.int64)

        def decode(n):
            try:
                record = records[n] or read_record(paths[n].decode(), int(numbers[n]))
                labels[n] = self._source.read(record, clips[n], self._random(positions[n]))
                return True
            except ValueError as error:
                self._report(paths[n].decode(), int(numbers[n]), error)
                return False

        good = np.array(list(self._pool.map(decode, range(len(records)))), bool)
        if not good.all():
            clips, labels = self._without(clips, labels, good)
        return self._blended(clips, labels, positions)

    def whole_frames(self, _, records, paths, numbers):
        """Decodes one record for dense evaluation: uint8 `[1, 2, T, h, w, 3]` and int64 `[1]`.

        Both are empty, `[0, ...]`, in place of a damaged record.
        """
        try:
            record = records[0] or read_record(paths[0].decode(), int(numbers[0]))
            frames, label = self._source.read_whole_frames(record)
        except ValueError as error:
            self._report(paths[0].decode(), int(numbers[0]), error)
            return np.empty((0, 2, *self._source.clip_shape), np.uint8), np.empty(0, np.int64)
        return frames[None], np.array([label], np.int64)

    def _random(self, *place):
        return None if self._seed is None else np.random.default_rng((self._seed, *place))

    @property
    def _pool(self):
        with self._lock:
            if self._threads is None:
                self._threads = concurrent.futures.ThreadPoolExecutor(os.cpu_count())
        return self._threads

    def _report(self, path, number, error):
        if self._source.on_corrupt != "skip":
            raise ValueError(f"{path}, record {number}: {error}") from error
        with self._lock:
            self._source.skipped.reasons[path, number] = str(error)

    def _without(self, clips, labels, good):
        """Leaves out what is damaged; in training a good clip stands in for it."""
        if self._seed is None:
            return clips[good], labels[good]
        if not good.any():
            raise ValueError(
                f"All {len(good)} records of a batch are damaged.\n{self._source.skipped}"
            )
        order = np.arange(len(good))
        order[~good] = np.resize(order[good], np.count_nonzero(~good))
        return clips[order], labels[order]

    def _blended(self, clips, labels, positions):
        """Blends every clip with the one before it, and their labels."""
        alpha = self._source.mixup if self._seed is not None else 0
        if not alpha:
            return clips, labels
        part = self._random(positions[0], 1).beta(alpha, alpha)
        out = _aligned(clips.shape)
        for mixed, clip, other in zip(out, clips, np.roll(clips, 1, axis=0), strict=True):
            flat = (clip.size // clip.shape[-1], clip.shape[-1])
            cv2.addWeighted(
                clip.reshape(flat), part, other.reshape(flat), 1 - part, 0, dst=mixed.reshape(flat)
            )
        targets = np.eye(len(self._source.class_names), dtype=np.float32)[labels]
        return out, np.float32(part * targets + (1 - part) * np.roll(targets, 1, axis=0))


def _aligned(shape):
    """An uninitialised uint8 array that TensorFlow takes over as it is."""
    size = int(np.prod(shape))
    memory = np.empty(size + _ALIGNMENT, np.uint8)
    start = -memory.ctypes.data % _ALIGNMENT
    return memory[start : start + size].reshape(shape)


@functools.cache
def keep_freed_memory():
    """Lets glibc keep freed memory for the next videos and batches.

    Otherwise it returns every piece to the system and gets it back page by page, which took a
    quarter of the input's processor time on a virtual machine with 2 cores.
    """
    libc = ctypes.CDLL(None)
    if hasattr(libc, "mallopt"):
        libc.mallopt(_M_MMAP_THRESHOLD, 2**25)
        libc.mallopt(_M_TRIM_THRESHOLD, 2**28)
