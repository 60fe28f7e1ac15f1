"""TFRecord shards as `tf.data` sets of records that know where they come from."""

import functools
import struct

import tensorflow as tf

from rstg_tf.data import tf_files

_BUFFER_BYTES = {False: 0, True: 2**23}
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
    readable = tf.data.TFRecordDataset(path, buffer_size=_BUFFER_BYTES[remote])
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


@functools.lru_cache(maxsize=64)
def _places(path, size):
    """Offset and length of all records of a shard up to the last whose length can be read."""

    def find(path):
        places, start = [], 0
        with tf.io.gfile.GFile(path, "rb") as file:
            while start + 12 <= size:
                file.seek(start)
                header = file.read(12)
                if _checksum(header[:8]) != header[8:]:
                    break
                length = struct.unpack("<Q", header[:8])[0]
                places.append((start + 12, length))
                start += length + 16
        return places

    return tf_files.checked(find, path)


def _checksum(content):
    """The four bytes that stand after what they check in a TFRecord file."""
    import google_crc32c

    crc = google_crc32c.value(content)
    return struct.pack("<I", ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF)
