"""Writes a dataset to disk, shard by shard."""

import concurrent.futures
import functools
import json
import logging
import math
import os
import pathlib
import threading

import numpy as np

from rstg_tf.data import storage
from rstg_tf.data.shards.dataset_info import (
    INFO,
    add_split,
    alone,
    read_info,
    shard_name,
    write_split,
)
from rstg_tf.data.shards.records import sha256_of, write_records
from rstg_tf.data.shards.sequence_example import encode_clip
from rstg_tf.files import check_room, written_whole

_log = logging.getLogger(__name__)
_SHARD_BYTES = 128 * 2**20
_MIN_SHARDS = 4
_CHUNK = 8


def write_shards(source, directory, num_shards=None, workers=None, progress=None, tell=None):
    """Writes all clips of a generator as TFRecord shards; returns the path of `dataset_info.json`.

    Equal arguments give equal bytes. After an interruption the same call makes the shards that are
    missing or lack their checksum; a second call for the same split waits. By default there are at
    least 4 shards, of about 128 MB, and one thread per core; `progress` gets the number of clips
    written, one call at a time, `tell` a line for the user. Raises ValueError if the folder is
    remote, or holds another dataset or this split made in another way.
    """
    if storage.is_remote(directory):
        raise ValueError(f"The folder of shards must be a local one. Received: {directory}")
    directory = pathlib.Path(directory)
    record_bytes = _bytes_of_record(source)
    if num_shards is None:
        num_shards = _number_of_shards(source, record_bytes)
    if not 1 <= num_shards <= source.num_examples:
        raise ValueError(
            f"`num_shards` must be from 1 to the number of clips ({source.num_examples}). "
            f"Received: {num_shards}"
        )
    info = _describe(source, directory, num_shards)
    there = sum(shard["examples"] for shard in info["splits"][source.split]["shards"])
    check_room(directory, math.ceil(record_bytes * (source.num_examples - there)))
    with one_maker(directory, source.split, tell or _log.warning):
        _Writer(source, directory, num_shards, progress, tell or _log.warning).run(workers)
    return directory / INFO


def one_maker(directory, split, tell):
    """Context of the only process of a machine that makes a split in a local folder.

    `tell` gets a line if another process makes it, which is waited for.
    """
    waiting = f"Another process makes the {split} split in {directory}; waiting for it."
    return alone(storage.join(str(directory), f".{split}.lock"), functools.partial(tell, waiting))


class _Writer:
    def __init__(self, source, directory, num_shards, progress, tell):
        self._source, self._directory, self._tell = source, directory, tell
        self._progress, self._lock = progress, threading.Lock()
        self._stop = threading.Event()
        self._bounds = np.linspace(0, source.num_examples, num_shards + 1).astype(int)
        self._names = [
            shard_name(source.name, source.split, k, num_shards) for k in range(num_shards)
        ]
        self._info = _describe(source, directory, num_shards)

    def run(self, workers):
        split = self._info["splits"][self._source.split]
        listed = [shard for shard in split["shards"] if shard["file"] in self._names]
        with concurrent.futures.ThreadPoolExecutor(workers or os.cpu_count()) as pool:
            self._keep({s["file"]: s for s in self._results(pool, self._checked, listed) if s})
            missing = [k for k, name in enumerate(self._names) if name not in self._done]
            for shard in self._results(pool, self._write, missing):
                self._keep({**self._done, shard["file"]: shard})
        split["complete"] = True
        self._write_info()

    def _results(self, pool, function, items):
        """Yields what a function returns for each, as it comes; stops all after an error."""
        jobs = [pool.submit(function, item) for item in items]
        try:
            for job in concurrent.futures.as_completed(jobs):
                yield job.result()
        except BaseException:
            self._stop.set()
            pool.shutdown(cancel_futures=True)
            raise

    def _keep(self, done):
        """Lets the description say which shards are there; one that lacks some is not complete."""
        self._done = done
        split = self._info["splits"][self._source.split]
        split["shards"] = [done[name] for name in self._names if name in done]
        split["complete"] = split["complete"] and len(done) == len(self._names)
        self._write_info()

    def _write_info(self):
        self._info = write_split(self._directory, self._info, self._source.split)

    def _checked(self, shard):
        """Returns the description of a shard that is there, or None where it is not whole."""
        path = self._directory / shard["file"]
        whole = path.is_file() and path.stat().st_size == shard["bytes"]
        if not whole or sha256_of(path) != shard.get("sha256"):
            if path.exists():
                self._tell(f"A shard does not have its checksum; it is made again: {path}")
            return None
        self._report(shard["examples"])
        return shard

    def _write(self, k):
        indices = range(self._bounds[k], self._bounds[k + 1])
        path = self._directory / self._names[k]
        with written_whole(path) as part:
            written = write_records(part, self._records(indices), path)
        return {"file": path.name, "examples": len(indices), **written}

    def _records(self, indices):
        for start in range(0, len(indices), _CHUNK):
            chunk = indices[start : start + _CHUNK]
            yield from _records(self._source, chunk)
            self._report(len(chunk))

    def _report(self, count):
        if self._stop.is_set():
            raise concurrent.futures.CancelledError
        if self._progress:
            with self._lock:
                self._progress(count)


def _bytes_of_record(source):
    """Estimates the length of a record from a few clips."""
    indices = range(min(_CHUNK, source.num_examples))
    return sum(len(record) for record in _records(source, indices)) / len(indices)


def _number_of_shards(source, record_bytes):
    """Estimates how many shards make good files."""
    wanted = math.ceil(record_bytes * source.num_examples / _SHARD_BYTES)
    return min(max(wanted, _MIN_SHARDS), source.num_examples)


def _describe(source, directory, num_shards):
    """Returns the description to write: the one that is there, if it fits, or a new one."""
    new = {
        "name": source.name,
        "classes": list(source.class_names),
        "clip_shape": list(source.clip_shape),
        "facts": json.loads(json.dumps(source.facts._asdict())),
    }
    made_by = {**source.describe(), "num_examples": source.num_examples, "num_shards": num_shards}
    return add_split(read_info(directory), new, source.split, made_by, directory)


def _records(source, indices):
    clips, labels = source.batch(indices)
    for index, clip, label in zip(indices, clips, labels, strict=True):
        media_id = f"{source.name}-{source.split}-{index:08d}"
        yield encode_clip(clip, label, source.class_names[label], media_id, source.frame_rate)
