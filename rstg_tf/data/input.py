"""Batches for training and evaluation, from a generator or from shards."""

import numpy as np
import tensorflow as tf

from rstg_tf.data.background import in_background
from rstg_tf.data.records import decode_records, numbered_records
from rstg_tf.data.shards import Shards

_SHUFFLE_BYTES = 2**28
_FOREVER = np.iinfo(np.int64).max


def training_dataset(source, batch_size, seed=0, start_step=0, deterministic=True):
    """Returns an endless data set of shuffled batches.

    The batch of step `s` depends on `source`, `batch_size`, `seed` and `s` only (if
    `deterministic`): a training that starts again at `start_step` sees what it would have seen.

    Args:
        source: `Shards`: read interleaved, shuffled as encoded records, in a new order in each
            epoch. Or a generator of clips (`SyncMNIST`, `Interactions`): every clip is new and
            made on the fly.
        batch_size: Clips of a batch, over all devices together.
        seed: Seed of the order, at least 0.
        start_step: Step to start at.
        deterministic: Whether batches come in order; otherwise whichever is ready first.

    Returns:
        A `tf.data.Dataset` of `(clips, labels)`: uint8 `[batch_size, T, H, W, C]` and int64
        `[batch_size]`. Under `tf.distribute` it is sharded by data, not by file.
    """
    if isinstance(source, Shards):
        seen = start_step * batch_size
        epochs = tf.data.Dataset.range(seen // source.num_examples, _FOREVER)
        records = epochs.flat_map(lambda epoch: _epoch(source, seed, epoch, deterministic))
        records = records.skip(seen % source.num_examples)
        return _decode(records.batch(batch_size, drop_remainder=True), source, deterministic)
    # Far apart, so that trainings of different seeds share no clip.
    first = (seed % 2**22) << 40
    steps = tf.data.Dataset.range(start_step, _FOREVER)
    clips = tf.range(batch_size, dtype=tf.int64)
    return _generate(
        steps.map(lambda step: first + step * batch_size + clips), source, deterministic
    )


def evaluation_dataset(source, batch_size, num_examples=None):
    """Returns a data set that gives every example once, in order; the last batch may be smaller.

    Args:
        source: As in `training_dataset`.
        batch_size: Clips of a batch, over all devices together.
        num_examples: Number of examples to give, by default all (`source.num_examples`).

    Returns:
        A `tf.data.Dataset` of `(clips, labels)`: uint8 `[b, T, H, W, C]` and int64 `[b]`.
    """
    count = source.num_examples if num_examples is None else num_examples
    if isinstance(source, Shards):
        records = _files(source).flat_map(numbered_records).take(count)
        return _decode(records.batch(batch_size), source, True)
    return _generate(tf.data.Dataset.range(count).batch(batch_size), source, True)


def _files(source):
    return tf.data.Dataset.from_tensor_slices((source.files, np.int64(source.counts)))


def _epoch(source, seed, epoch, deterministic):
    """Returns the records of one epoch, in an order that depends on `seed` and `epoch` only."""
    tf.random.set_seed(1)  # Of this function's graph: the global seed is left out of the order.
    order = tf.random.experimental.stateless_shuffle(
        tf.range(len(source.files)), tf.stack([tf.cast(seed, tf.int64), epoch])
    )
    files = tf.data.Dataset.from_tensor_slices(
        (tf.gather(source.files, order), tf.gather(np.int64(source.counts), order))
    )
    records = files.interleave(
        numbered_records,
        cycle_length=16,
        num_parallel_calls=tf.data.AUTOTUNE,
        deterministic=deterministic,
    )
    buffer = _SHUFFLE_BYTES * source.num_examples // source.num_bytes
    return records.shuffle(min(max(buffer, 64), source.num_examples), seed + epoch)


def _decode(batches, source, deterministic):
    def decode(records, paths, numbers):
        return decode_records(records, paths, numbers, source.clip_shape)

    return _in_parallel(batches, decode, source, deterministic)


def _generate(batches, source, deterministic):
    return _in_parallel(batches, source.batch, source, deterministic)


def _in_parallel(batches, function, source, deterministic):
    """Maps a NumPy function, which sets the interpreter's lock free for most of its time."""
    function = in_background(function)

    def call(*inputs):
        clips, labels = tf.numpy_function(function, inputs, (tf.uint8, tf.int64))
        size = inputs[0].shape[0]
        clips.set_shape((size, *source.clip_shape))
        labels.set_shape((size,))
        return clips, labels

    options = tf.data.Options()
    options.experimental_distribute.auto_shard_policy = tf.data.experimental.AutoShardPolicy.DATA
    dataset = batches.map(call, tf.data.AUTOTUNE, deterministic).with_options(options)
    return dataset.prefetch(tf.data.AUTOTUNE)
