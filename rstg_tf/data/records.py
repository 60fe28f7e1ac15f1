"""TFRecord shards as `tf.data` sets of records that know where they come from."""

import numpy as np
import tensorflow as tf

from rstg_tf.data.sequence_example import decode_clip


def numbered_records(path, count):
    """Returns the records of one shard.

    Args:
        path: Of the shard; a string tensor.
        count: Number of records it should hold; an int64 tensor.

    Returns:
        A `tf.data.Dataset` of exactly `count` elements `(record, path, number)`. Records that
        can't be read are empty strings, which `decode_records` reports with file and number.
    """
    readable = tf.data.TFRecordDataset(path).ignore_errors(log_warning=False)
    padding = tf.data.Dataset.from_tensors("").repeat()
    records = readable.concatenate(padding).take(count)
    return records.enumerate().map(lambda number, record: (record, path, number))


def decode_records(records, paths, numbers, clip_shape):
    """Decodes a batch of records.

    Args:
        records: bytes, `[n]`.
        paths: bytes, `[n]`: files they come from.
        numbers: ints, `[n]`: their numbers in the files, from 0.
        clip_shape: `(T, H, W, C)` of a clip.

    Returns:
        `(clips, labels)`: uint8 `[n, T, H, W, C]` and int64 `[n]`.

    Raises:
        ValueError: A record can't be used; file and number are named.
    """
    clips = np.empty((len(records), *clip_shape), np.uint8)
    labels = np.empty(len(records), np.int64)
    for n, record in enumerate(records):
        try:
            if not record:
                raise ValueError("missing or damaged; the file was cut off or is no TFRecord")
            clips[n], labels[n] = decode_clip(record, clip_shape)
        except ValueError as error:
            raise ValueError(f"{paths[n].decode()}, record {numbers[n]}: {error}") from error
    return clips, labels


def first_fault(path, count, clip_shape):
    """Returns `", record K: what is wrong"` for the first faulty record of a shard, else `""`."""
    for record, _, number in numbered_records(path, count).as_numpy_iterator():
        try:
            decode_records([record], [b""], [number], clip_shape)
        except ValueError as error:
            return str(error)
    return ""
