"""Batches for training and evaluation, from a generator or from shards."""

import numpy as np
import tensorflow as tf


def training_dataset(source, batch_size, seed=0, start_step=0, deterministic=True):
    """Returns an endless data set of shuffled batches.

    The batch of step `s` depends on `source`, `batch_size`, `seed` and `s` only: a training that
    starts again at `start_step` sees what it would have seen.

    Args:
        source: A generator of clips (`SyncMNIST`, `Interactions`): every clip is new and made on
            the fly.
        batch_size: Clips of a batch, over all devices together.
        seed: Seed of the order, at least 0.
        start_step: Step to start at.
        deterministic: Whether batches come in order; otherwise whichever is ready first.

    Returns:
        A `tf.data.Dataset` of `(clips, labels)`: uint8 `[batch_size, T, H, W, C]` and int64
        `[batch_size]`.
    """
    first = seed << 40
    steps = tf.data.Dataset.range(start_step, np.iinfo(np.int64).max)
    dataset = steps.map(
        lambda step: first + step * batch_size + tf.range(batch_size, dtype=tf.int64)
    )
    return _finish(_generate(dataset, source, batch_size, deterministic))


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
    return _finish(_generate(tf.data.Dataset.range(count).batch(batch_size), source, None, True))


def _generate(indices, source, batch_size, deterministic):
    def make(batch):
        clips, labels = tf.numpy_function(source.batch, [batch], (tf.uint8, tf.int64))
        clips.set_shape((batch_size, *source.clip_shape))
        labels.set_shape((batch_size,))
        return clips, labels

    return indices.map(make, tf.data.AUTOTUNE, deterministic)


def _finish(dataset):
    options = tf.data.Options()
    options.experimental_distribute.auto_shard_policy = tf.data.experimental.AutoShardPolicy.DATA
    return dataset.with_options(options).prefetch(tf.data.AUTOTUNE)
