"""TFRecord shards as `tf.data` sets of records that know where they come from."""

import functools
import struct

import numpy as np
import tensorflow as tf

from rstg_tf.data import tf_files
from rstg_tf.data.shards.background import in_background

_BUFFER_BYTES = {False: 0, True: 2**23}
_MAX_RECORD_BYTES = 2**31  # Of a protocol buffer.
_HEADER_BYTES, _BYTES_AROUND = 12, 16
_MISSING = "missing or damaged; the file was cut off or is no TFRecord"


def numbered_records(path, count, remote=False):
    """Returns the records of one shard.

    Args:
        path: Of the shard; a string tensor.
        count: Number of records it should hold; an int64 tensor.
        remote: Whether it has to be read from afar.

    Returns:
        A `tf.data.Dataset` of exactly `count` elements `(record, path, number)`. What follows a
        record that can't be read are empty strings, which are to be read by `read_record`.
    """
    fits = tf.numpy_function(in_background(_fits), [path], tf.bool)
    # Of a shard with lengths that lie TensorFlow gets none.
    paths = tf.boolean_mask([path], tf.reshape(fits, [1]))
    readable = tf.data.TFRecordDataset(paths, buffer_size=_BUFFER_BYTES[remote])
    readable = readable.ignore_errors(log_warning=False)
    padding = tf.data.Dataset.from_tensors("").repeat()
    records = readable.concatenate(padding).take(count)
    return records.enumerate().map(lambda number, record: (record, path, number))


def read_record(path, number):
    """Reads one record by its number, whatever became of the others.

    Args:
        path: Path of the shard.
        number: Number of the record, from 0.

    Returns:
        bytes.

    Raises:
        ValueError: The record is damaged, or one before it in such a way that it can't be found.
        OSError: The file can't be read.
    """
    places = _places(path, tf_files.file_size(path))
    if number >= len(places):
        raise ValueError(_MISSING)
    offset, length = places[number]
    content = tf_files.read_bytes(path, offset, length + 4)
    if len(content) < length + 4 or _checksum(content[:-4]) != content[-4:]:
        raise ValueError(_MISSING)
    return content[:-4]


def first_fault(path, count, read):
    """Returns `", record K: what is wrong"` for the first faulty record of a shard, else `""`.

    Args:
        path: Path of the shard.
        count: Number of records it should hold.
        read: Called with every record; raises `ValueError` where it can't be used.
    """
    for record, _, number in numbered_records(path, count).as_numpy_iterator():
        try:
            read(record or read_record(path, number))
        except ValueError as error:
            return f", record {number}: {error}"
    return ""


def lengths_fit(path):
    """Whether no record of a shard claims to be longer than the shard, or than a record can be.

    TensorFlow takes the memory for a record before it reads it, and the process ends where a
    length of 2^60 can't be had. Of a file that was cut off the lengths fit.

    Raises:
        OSError: The file can't be read.
    """
    size = tf_files.file_size(path)
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
    def find(path):
        places, start = [], 0
        with _opened(path) as file:
            while start + _HEADER_BYTES <= size:
                file.seek(start)
                header = file.read(_HEADER_BYTES)
                if _checksum(header[:8]) != header[8:]:
                    break
                length = struct.unpack("<Q", header[:8])[0]
                places.append((start + _HEADER_BYTES, length))
                start += length + _BYTES_AROUND
        return places

    return tf_files.checked(find, path)


def _opened(path):
    if tf_files.is_remote(path):
        return tf.io.gfile.GFile(path, "rb")
    return open(path, "rb", buffering=0)  # 10 times faster than TensorFlow for short parts.


def _checksum(content):
    """The four bytes that stand after what they check in a TFRecord file."""
    import google_crc32c

    crc = google_crc32c.value(content)
    return struct.pack("<I", ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF)
