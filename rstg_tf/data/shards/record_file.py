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
