"""What a training needs to go on where it was."""

import contextlib

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
        checkpoint: a `tf.train.Checkpoint`; it stays as it is where an error is raised.
        path: prefix of the files, as `tf.train.latest_checkpoint` gives it.

    Raises:
        ValueError: if it is damaged or of another model.
    """
    check_checkpoint(path)
    with _naming(path):
        checkpoint.read(path).assert_existing_objects_matched().expect_partial()


def check_checkpoint(path):
    """Reads a checkpoint whole, so that its checksums are compared.

    Args:
        path: prefix of the files.

    Raises:
        ValueError: if it is damaged or there is none.
    """
    with _naming(path):
        reader = tf.train.load_checkpoint(path)
        for name in reader.get_variable_to_shape_map():
            reader.get_tensor(name)


def best_step(path):
    """Step of the best validation that a checkpoint knows of, 0 before the first one.

    Args:
        path: prefix of the files.

    Raises:
        ValueError: if it is damaged.
    """
    with _naming(path):
        return int(tf.train.load_variable(path, "best_step/.ATTRIBUTES/VARIABLE_VALUE"))


@contextlib.contextmanager
def averaged_weights(model, optimizer):
    """Gives the model the average of its weights for a while, where the optimizer keeps one.

    Args:
        model: the model that `optimizer` trains.
        optimizer: a Keras optimizer that has been built.
    """
    variables = model.trainable_variables
    optimizer = getattr(optimizer, "inner_optimizer", optimizer)
    weights = [variable.numpy() for variable in variables]
    optimizer.finalize_variable_values(variables)
    try:
        yield
    finally:
        for variable, value in zip(variables, weights, strict=True):
            variable.assign(value)


@contextlib.contextmanager
def _naming(path):
    """Names the checkpoint that can't be read."""
    try:
        yield
    except tf.errors.ResourceExhaustedError:  # Of memory: another machine may read it.
        raise
    except (tf.errors.OpError, AssertionError, IndexError, RuntimeError, ValueError) as error:
        reason = str(error).strip().split("\n")[0]
        raise ValueError(f"The checkpoint can't be read: {reason} Received: {path}") from error
