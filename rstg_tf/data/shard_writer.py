"""Writes a data set to disk, shard by shard."""

import concurrent.futures
import math
import os
import pathlib
import threading

import numpy as np

from rstg_tf.data.dataset_info import add_split, shard_name, to_text
from rstg_tf.data.record_file import write_records
from rstg_tf.data.sequence_example import encode_clip
from rstg_tf.data.shards import INFO, read_info
from rstg_tf.files import written_whole

_SHARD_BYTES = 128 * 2**20
_MIN_SHARDS = 4
_CHUNK = 8


def write_shards(source, directory, num_shards=None, workers=None, progress=None):
    """Writes the clips `0 ... source.num_examples - 1` of a generator as TFRecord shards.

    Shards appear in the folder whole or not at all. After an interruption the same call goes on
    with the shards that are missing; the same arguments give the same bytes.

    Args:
        source: `SyncMNIST` or `Interactions`; its `name` and `split` name the files
            `NAME-SPLIT-00000-of-00004.tfrecord`, its `describe()` goes to `dataset_info.json`.
        directory: Folder to write to, made if need be; other splits of the same data set may
            be there.
        num_shards: Number of shards; by default as many as make about 128 MB each, at least 4.
        workers: Number of threads, by default one for each core.
        progress: Called with the number of clips whenever some were written, one call at a time.

    Returns:
        `pathlib.Path` of `dataset_info.json`.

    Raises:
        ValueError: The folder holds another data set, or this split made in another way.
        OSError: A shard can't be written, as on a full disk.
    """
    directory = pathlib.Path(directory)
    directory.mkdir(parents=True, exist_ok=True)
    if num_shards is None:
        num_shards = _number_of_shards(source)
    if not 1 <= num_shards <= source.num_examples:
        raise ValueError(
            f"`num_shards` must be from 1 to the number of clips ({source.num_examples}). "
            f"Received: {num_shards}"
        )
    info = _describe(source, directory, num_shards)
    split = info["splits"][source.split]
    _write_info(directory, info)
    bounds = np.linspace(0, source.num_examples, num_shards + 1).astype(int)
    names = [shard_name(source.name, source.split, k, num_shards) for k in range(num_shards)]
    done = {s["file"]: s for s in split["shards"] if _is_there(directory, s)}
    stop = threading.Event()

    lock = threading.Lock()

    def report(count):
        if stop.is_set():
            raise concurrent.futures.CancelledError
        if progress:
            with lock:
                progress(count)

    def write(k):
        indices = range(bounds[k], bounds[k + 1])
        return _write_shard(source, directory / names[k], indices, report)

    report(sum(shard["examples"] for shard in done.values()))
    with concurrent.futures.ThreadPoolExecutor(workers or os.cpu_count()) as pool:
        jobs = [pool.submit(write, k) for k, name in enumerate(names) if name not in done]
        try:
            for job in concurrent.futures.as_completed(jobs):
                shard = job.result()
                done[shard["file"]] = shard
                split["shards"] = [done[name] for name in names if name in done]
                _write_info(directory, info)
        except BaseException:
            stop.set()
            pool.shutdown(cancel_futures=True)
            raise
    split["complete"] = True
    _write_info(directory, info)
    return directory / INFO


def _number_of_shards(source):
    """Estimates from a few clips how many shards make good files."""
    indices = range(min(_CHUNK, source.num_examples))
    length = sum(len(record) for record in _records(source, indices)) / len(indices)
    wanted = math.ceil(length * source.num_examples / _SHARD_BYTES)
    return min(max(wanted, _MIN_SHARDS), source.num_examples)


def _describe(source, directory, num_shards):
    """Returns the description to write: the one that is there, if it fits, or a new one."""
    new = {
        "name": source.name,
        "classes": list(source.class_names),
        "clip_shape": list(source.clip_shape),
    }
    made_by = {**source.describe(), "num_examples": source.num_examples, "num_shards": num_shards}
    there = read_info(directory) if (directory / INFO).exists() else None
    return add_split(there, new, source.split, made_by, directory)


def _is_there(directory, shard):
    path = directory / shard["file"]
    return path.exists() and path.stat().st_size == shard["bytes"]


def _write_info(directory, info):
    with written_whole(directory / INFO) as part:
        part.write_text(to_text(info))


def _write_shard(source, path, indices, report):
    def records():
        for start in range(0, len(indices), _CHUNK):
            chunk = indices[start : start + _CHUNK]
            yield from _records(source, chunk)
            report(len(chunk))

    with written_whole(path) as part:
        written = write_records(part, records(), path)
    return {"file": path.name, "examples": len(indices), **written}


def _records(source, indices):
    clips, labels = source.batch(indices)
    for index, clip, label in zip(indices, clips, labels, strict=True):
        media_id = f"{source.name}-{source.split}-{index:08d}"
        yield encode_clip(clip, label, source.class_names[label], media_id, source.frame_rate)
