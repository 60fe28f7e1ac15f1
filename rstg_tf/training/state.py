"""What a training needs to go on where it was."""

import tensorflow as tf


def training_state(model, optimizer):
    """Collects all that a checkpoint holds.

    Args:
        model: a `VideoClassifier`.
        optimizer: its Keras optimizer, which has been built.

    Returns:
        A `tf.train.Checkpoint` with `model`, `optimizer` and the variables `step` (steps done,
        also those that loss scaling skipped), `seconds` (spent so far), `best_accuracy` and
        `best_step` (of the validations so far).
    """
    return tf.train.Checkpoint(
        model=model,
        optimizer=optimizer,
        step=tf.Variable(0, dtype=tf.int64, trainable=False),
        seconds=tf.Variable(0.0, dtype=tf.float64, trainable=False),
        best_accuracy=tf.Variable(-1.0, dtype=tf.float64, trainable=False),
        best_step=tf.Variable(0, dtype=tf.int64, trainable=False),
    )


def restore_checkpoint(checkpoint, path):
    """Restores what a checkpoint was saved of.

    Args:
        checkpoint: a `tf.train.Checkpoint`.
        path: prefix of the files, as `tf.train.latest_checkpoint` gives it.

    Raises:
        ValueError: if it is damaged or of another model.
    """
    try:
        checkpoint.restore(path).assert_existing_objects_matched().expect_partial()
    except (tf.errors.OpError, AssertionError, IndexError, ValueError) as error:
        reason = str(error).strip().split("\n")[0]
        raise ValueError(f"The checkpoint can't be read: {reason} Received: {path}") from error
