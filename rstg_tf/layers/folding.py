"""Time as a part of the batch: what 2-D operations need."""

import tensorflow as tf


def fold_time(clips):
    """Makes frames of clips: `[B, T, H, W, C]` to `[B * T, H, W, C]`, sizes known or not."""
    batch, time, *frame = sizes(clips)
    return tf.reshape(clips, [batch * time, *frame])


def unfold_time(frames, like):
    """Makes clips of frames: `[B * T, H, W, C]` to `[B, T, H, W, C]`, B and T those of `like`."""
    return tf.reshape(frames, [*sizes(like)[:2], *sizes(frames)[1:]])


def sizes(tensor):
    """The sizes of a tensor as a list: ints where they are known, int32 scalars elsewhere."""
    dynamic = tf.unstack(tf.shape(tensor))
    return [d if s is None else s for s, d in zip(tensor.shape, dynamic, strict=True)]


def on_rows(layer, inputs):
    """Runs a dense layer on the last axis of `inputs`, of which only the first may be unknown.

    As a matrix: only then does TensorFlow fuse bias and ReLU, and Keras add no shape operations.
    """
    outputs = layer(tf.reshape(inputs, [-1, inputs.shape[-1]]))
    return tf.reshape(outputs, [-1, *inputs.shape[1:-1], outputs.shape[-1]])
