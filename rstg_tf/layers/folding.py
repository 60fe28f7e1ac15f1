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
