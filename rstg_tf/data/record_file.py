"""Writes one TFRecord file."""

import hashlib
import os

import tensorflow as tf


def write_records(part, records, path):
    """Writes records to a file.

    Args:
        part: File to write.
        records: Iterable of bytes.
        path: What the file will be called, for errors.

    Returns:
        Dict of `"bytes"`, its length, and `"sha256"`.

    Raises:
        OSError: It can't be written, as on a full disk.
    """
    try:
        with tf.io.TFRecordWriter(str(part)) as writer:
            for record in records:
                writer.write(record)
    except tf.errors.OpError as error:
        raise OSError(f"A shard can't be written ({error.message}). Received: {path}") from error
    with open(part, "rb") as file:
        checksum = hashlib.file_digest(file, "sha256").hexdigest()
    return {"bytes": os.path.getsize(part), "sha256": checksum}
