"""Batches for training and evaluation, from a generator or from shards."""

import numpy as np
import tensorflow as tf

from rstg_tf.data import storage
from rstg_tf.data.pipeline.batches import Decoder
from rstg_tf.data.shards.records import in_background, numbered_records
from rstg_tf.data.shards.source import Shards
from rstg_tf.data.source import CLIPS_PER_TRAINING

_SHUFFLE_BYTES = 2**28
_FOREVER = np.iinfo(np.int64).max
_INTEGERS = ((), tf.int64)


def training_dataset(source, batch_size, seed=0, start_step=0, deterministic=True, context=None):
    """Returns an endless dataset of shuffled batches.

    The batch of step `s` depends on `source`, `batch_size`, `seed` and `s` only (if
    `deterministic`): a training that starts again at `start_step` sees what it would have seen.
    So the step is all that a checkpoint needs of the data. Records of the epoch that were seen
    before are read again, but none is decoded.

    Args:
        source: `Shards`: read interleaved, shuffled as encoded records, in a new order in each
            epoch. Or a generator of clips (`SyncMNIST`, `Interactions`): every clip is new and
            made on the fly.
        batch_size: Clips of a batch, over all devices together.
        seed: Seed of the order, at least 0.
        start_step: Step to start at.
        deterministic: Whether batches come in order; otherwise whichever is ready first.
        context: `tf.distribute.InputContext` of one worker of several: it gets the batches of its
            own replicas. It reads all records, so that workers together see what one device
            sees, and decodes only its own.

    Returns:
        A `tf.data.Dataset` of `(clips, labels)`: uint8 `[batch_size, T, H, W, C]` and int64
        `[batch_size]`, or float32 `[batch_size, classes]` where `source` blends clips. Under
        `tf.distribute` it is sharded by data, not by file.
    """
    part = _Part(batch_size, context)
    if isinstance(source, Shards):
        seen = start_step * batch_size
        epochs = tf.data.Dataset.range(seen // source.num_examples, _FOREVER)
        records = epochs.flat_map(lambda epoch: _epoch(source, seed, epoch, deterministic))
        records = records.skip(seen % source.num_examples).enumerate(seen)
        batches = part.of(records).batch(part.replica_batch, drop_remainder=True)
        blended = ((len(source.class_names),), tf.float32)
        label_type = blended if source.mixup else _INTEGERS
        return _decode(batches, Decoder(source, seed), source, deterministic, label_type)
    first = seed % 2**22 * CLIPS_PER_TRAINING
    steps = tf.data.Dataset.range(start_step, _FOREVER)
    clips = tf.reshape(tf.range(batch_size, dtype=tf.int64)[part.slice], [-1, part.replica_batch])
    batches = steps.flat_map(
        lambda step: tf.data.Dataset.from_tensor_slices(first + step * batch_size + clips)
    )
    return _generate(batches, source, deterministic)


def evaluation_dataset(source, batch_size, num_examples=None, context=None):
    """Returns a dataset that gives every example once, in order; the last batch may be smaller.

    Args:
        source: As in `training_dataset`.
        batch_size: Clips of a batch, over all devices together.
        num_examples: Number of examples to give, by default all (`source.num_examples`).
        context: As in `training_dataset`; a worker gets its part of the examples.

    Returns:
        A `tf.data.Dataset` of `(clips, labels)`: uint8 `[b, T, H, W, C]` and int64 `[b]`.
        Damaged records that are to be skipped are missing from it.
    """
    count = source.num_examples if num_examples is None else num_examples
    part = _Part(batch_size, context, whole=False)
    if isinstance(source, Shards):
        batches = part.of(_in_order(source, count)).batch(part.replica_batch)
        return _without_empty(_decode(batches, Decoder(source), source), source)
    numbers = part.of(tf.data.Dataset.range(count).enumerate()).map(lambda _, number: number)
    return _generate(numbers.batch(part.replica_batch), source, True)


def whole_frames_dataset(source, num_examples=None):
    """Returns a dataset that gives every video once, in order, for dense evaluation.

    Args:
        source: `Shards` of videos that are stored whole.
        num_examples: Number of videos to give, by default all.

    Returns:
        A `tf.data.Dataset` of `(frames, labels)`: uint8 `[1, 2, T, h, w, 3]`, frames at the short
        side of `source.clips` in two samplings in time, and int64 `[1]`.
    """
    count = source.num_examples if num_examples is None else num_examples
    shape = (2, source.clip_shape[0], None, None, source.clip_shape[3])
    batches = _in_order(source, count).batch(1)
    decoded = _in_parallel(batches, Decoder(source).whole_frames, shape, True, 2)
    return _without_empty(decoded, source)


class _Part:
    """The part of each global batch that falls to one worker, and to each of its replicas.

    With one worker, `context` (a `tf.distribute.InputContext`) is None. If `whole`, batches must be
    divisible without remainder.
    """

    def __init__(self, batch_size, context, whole=True):
        self._workers = context.num_input_pipelines if context else 1
        self._worker = context.input_pipeline_id if context else 0
        replicas = context.num_replicas_in_sync if context else 1
        if whole and batch_size % replicas:
            raise ValueError(
                f"global_batch_size must be a multiple of the {replicas} devices of all workers. "
                f"Received: global_batch_size={batch_size}"
            )
        self.replica_batch = -(-batch_size // replicas)
        self._share = self.replica_batch * replicas // self._workers

    @property
    def slice(self):
        """The worker's part of a batch."""
        return slice(self._worker * self._share, (self._worker + 1) * self._share)

    def of(self, numbered):
        """The worker's elements of an enumerated dataset of single examples."""
        if self._workers == 1:
            return numbered
        return numbered.filter(
            lambda position, _: position // self._share % self._workers == self._worker
        )


def _in_order(source, count):
    remote = storage.is_remote(source.directory)
    records = _files(source).flat_map(lambda path, size: numbered_records(path, size, remote))
    return records.take(count).enumerate()


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
    remote = storage.is_remote(source.directory)
    records = files.interleave(
        lambda path, count: numbered_records(path, count, remote),
        cycle_length=16,
        num_parallel_calls=tf.data.AUTOTUNE,
        deterministic=deterministic,
    )
    buffer = _SHUFFLE_BYTES * source.num_examples // source.num_bytes
    return records.shuffle(min(max(buffer, 64), source.num_examples), seed + epoch)


def _without_empty(batches, source):
    if source.on_corrupt != "skip":
        return batches
    return batches.filter(lambda clips, labels: tf.size(labels) > 0)


def _decode(batches, decoder, source, deterministic=True, label_type=_INTEGERS):
    # A batch uses all cores; the second is decoded while the first is taken.
    return _in_parallel(batches, decoder, source.clip_shape, deterministic, 2, label_type)


def _generate(batches, source, deterministic):
    return _in_parallel(batches, source.batch, source.clip_shape, deterministic, tf.data.AUTOTUNE)


def _in_parallel(batches, function, clip_shape, deterministic, num_parallel, label_type=_INTEGERS):
    """Maps a NumPy function, which sets the interpreter's lock free for most of its time."""
    function = in_background(function)
    label_shape, label_dtype = label_type

    def call(*inputs):
        inputs = tf.nest.flatten(inputs)
        clips, labels = tf.numpy_function(function, inputs, (tf.uint8, label_dtype))
        size = inputs[0].shape[0]
        clips.set_shape((size, *clip_shape))
        labels.set_shape((size, *label_shape))
        return clips, labels

    options = tf.data.Options()
    options.experimental_distribute.auto_shard_policy = tf.data.experimental.AutoShardPolicy.DATA
    dataset = batches.map(call, num_parallel, deterministic).with_options(options)
    return dataset.prefetch(num_parallel)
