"""TFRecord files: written, and read as `tf.data` sets of records that know where they lie."""

import atexit
import contextlib
import functools
import hashlib
import os
import struct
import threading
import time

import numpy as np
import tensorflow as tf

from rstg_tf.data import storage

ON_CORRUPT = ("error", "skip")
_PART_BYTES = 2**23  # Of one request to a store.
_MAX_RECORD_BYTES = 2**31  # Of a protocol buffer.
_HEADER_BYTES, _BYTES_AROUND = 12, 16
_MISSING = "missing or damaged; the file was cut off or is no TFRecord"
_lock = threading.Lock()
_running = 0
_closing = False


class Skipped:
    """The damaged records left out, each counted once; `reasons` maps `(path, number)` to text."""

    def __init__(self):
        self.reasons = {}

    def __len__(self):
        """Number of records."""
        return len(self.reasons)

    def __str__(self):
        """For a terminal: the count, and the first few by name."""
        lines = [f"skipped {len(self)} damaged record(s)"]
        for (path, number), reason in sorted(self.reasons.items())[:5]:
            lines.append(f"  {path}, record {number}: {reason}")
        return "\n".join([*lines, *(["  ..."] if len(self) > 5 else [])])


def numbered_records(path, count, remote=False):
    """Returns a `tf.data.Dataset` of `count` elements `(record, path, number)` of one shard.

    `path` and `count` are scalar tensors. An unreadable record, and all behind it if they cannot be
    found, are empty strings, for `read_record` to read.
    """
    readable = _remote_records(path, count) if remote else _local_records(path)
    padding = tf.data.Dataset.from_tensors("").repeat()
    records = readable.concatenate(padding).take(count)
    return records.enumerate().map(lambda number, record: (record, path, number))


def _local_records(path):
    fits = tf.numpy_function(in_background(_fits), [path], tf.bool)
    # Of a shard with lengths that lie TensorFlow gets none.
    paths = tf.boolean_mask([path], tf.reshape(fits, [1]))
    return tf.data.TFRecordDataset(paths, buffer_size=0).ignore_errors(log_warning=False)


def _remote_records(path, count):
    def step(offset, _):
        function = in_background(_read_some)
        records, offset = tf.numpy_function(function, [path, offset], (tf.string, tf.int64))
        records.set_shape([None])
        return tf.ensure_shape(offset, []), records

    parts = tf.data.Dataset.range(count).scan(np.int64(0), step)
    return parts.take_while(lambda records: tf.size(records) > 0).unbatch()


def _read_some(path, offset):
    """Returns the records from `offset` on, of a few MB, and the offset of what follows them."""
    path, records, place = tf.compat.as_str(np.asarray(path).item()), [], 0
    try:
        content = storage.read(path, int(offset), _PART_BYTES)
        while (end := _end_of(content, place)) and (end <= len(content) or not records):
            if end > len(content):  # The first one alone is longer.
                content = storage.read(path, int(offset), end)
                if end > len(content):
                    break
            record = content[place + _HEADER_BYTES : end - 4]
            records.append(record if _checksum(record) == content[end - 4 : end] else b"")
            place = end
    except OSError:  # It is told by `read_record`, if it fails again.
        pass
    return np.array(records, object), np.int64(offset + place)


def _end_of(content, place):
    """Returns where the record at `place` ends, or 0 where its length can't be read."""
    length = _length(content[place : place + _HEADER_BYTES])
    return 0 if length is None or length > _MAX_RECORD_BYTES else place + length + _BYTES_AROUND


def read_record(path, number):
    """Reads one record by its number, from 0, whatever became of the others.

    Raises ValueError if it is damaged or can't be found after damage, OSError for an unreadable
    file.
    """
    size = _size(path)
    places = _places(path, size)
    offset, length = places[number] if number < len(places) else (size, size)
    content = storage.read(path, offset, length + 4) if length < size else b""
    if len(content) < length + 4 or _checksum(content[:-4]) != content[-4:]:
        raise ValueError(_MISSING)
    return content[:-4]


def first_fault(path, count, read):
    """Returns `", record K: what is wrong"` for the first faulty record of a shard, else `""`.

    The shard should hold `count` records; `read` raises ValueError for an unusable one.
    """
    records = numbered_records(path, count, storage.is_remote(path))
    for record, _, number in records.as_numpy_iterator():
        try:
            read(record or read_record(path, number))
        except ValueError as error:
            return f", record {number}: {error}"
    return ""


def lengths_fit(path):
    """Whether no record claims to be longer than its shard, or than a record can be.

    TensorFlow allocates before it reads, and a length of 2^60 ends the process. A file that was cut
    off passes.
    """
    size = _size(path)
    return all(length <= min(size, _MAX_RECORD_BYTES) for _, length in _walk(path, size))


def _fits(path):
    return _lengths_fit(tf.compat.as_str(np.asarray(path).item()))


@functools.lru_cache(maxsize=2**16)
def _lengths_fit(path):
    try:
        return lengths_fit(path)
    except OSError:
        return True  # TensorFlow finds the same.


@functools.lru_cache(maxsize=64)
def _places(path, size):
    """Offset and length of all records of a shard up to the last whose length can be read."""
    return _walk(path, size)


def _walk(path, size):
    places, start = [], 0
    with _reader(path) as read:
        while start + _HEADER_BYTES <= size:
            length = _length(read(start, _HEADER_BYTES))
            if length is None:
                break
            places.append((start + _HEADER_BYTES, length))
            start += length + _BYTES_AROUND
    return places


def _length(header):
    """The length of a record as its header says it, or None where that is damaged."""
    if len(header) < _HEADER_BYTES or _checksum(header[:8]) != header[8:]:
        return None
    return struct.unpack("<Q", header[:8])[0]


def _size(path):
    size = storage.size(path)
    if size is None:
        raise FileNotFoundError(f"There is no such file. Received: {path}")
    return size


@contextlib.contextmanager
def _reader(path):
    """Gives a function that reads short parts of a file in their order: `(place, count)`."""
    if not storage.is_remote(path):
        # 10 times faster than TensorFlow for short parts.
        with open(path, "rb", buffering=0) as file:
            yield lambda place, count: os.pread(file.fileno(), count, place)
        return
    start, content = 0, b""

    def read(place, count):
        nonlocal start, content
        if place + count > start + len(content):
            start, content = place, storage.read(path, place, _PART_BYTES)
        return content[place - start : place - start + count]

    yield read


def _checksum(content):
    """The four bytes that stand after what they check in a TFRecord file."""
    import google_crc32c

    crc = google_crc32c.value(content)
    return struct.pack("<I", ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF)


def in_background(function):
    """Wraps a function that threads of a `tf.data` pipeline call.

    Such a thread must not ask for the interpreter while that shuts down, or the process aborts: at
    exit, running calls are waited for and later ones fail at once.
    """

    def call(*args):
        global _running
        with _lock:
            if _closing:
                raise RuntimeError("The process is ending.")
            _running += 1
        try:
            return function(*args)
        finally:
            with _lock:
                _running -= 1

    return call


@atexit.register
def _close():
    global _closing
    with _lock:
        _closing = True
    while _running:
        time.sleep(0.01)
    time.sleep(0.1)  # The pipeline's buffers fill up with failures, then its threads rest.


def write_records(part, records, path):
    """Writes an iterable of bytes to the file `part`; returns a dict of `"bytes"` and `"sha256"`.

    An OSError, as of a full disk, names `path`, the final name.
    """
    length = 0
    try:
        with tf.io.TFRecordWriter(str(part)) as writer:
            for record in records:
                writer.write(record)
                length += len(record) + 16
    except tf.errors.OpError as error:
        raise OSError(f"A shard can't be written ({error.message}). Received: {path}") from error
    if os.path.getsize(part) != length:
        raise OSError(f"A shard can't be written (bytes of it are missing). Received: {path}")
    return {"bytes": length, "sha256": sha256_of(part)}


def sha256_of(path):
    """Returns the checksum of a local file, as hexadecimal digits."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
