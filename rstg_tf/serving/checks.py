"""Checks inside of an exported graph: a bad request is refused by the name of its input.

A server hands requests to the graph as they come. What is wrong must be found before it costs
memory, and the answer is INVALID_ARGUMENT with a message that names the input.
"""

import tensorflow as tf


def require(condition, rule, received):
    """An assertion for `tf.control_dependencies`.

    Args:
        condition: bool scalar.
        rule: what was expected, beginning with the name of the input.
        received: a tensor to show.

    Returns:
        An operation.
    """
    return tf.debugging.Assert(condition, [f"{rule} Received:", received], summarize=8)


def checked(tensor, name, **axes):
    """Checks the shape of an input.

    Args:
        tensor: the input.
        name: its name.
        axes: name of each axis and what its length must be: an int, or `(least, most)`.

    Returns:
        The same tensor.
    """
    static = [length if isinstance(length, int) else None for length in axes.values()]
    tensor = tf.ensure_shape(tensor, static, name=name)
    shape, fits, limits = tf.shape(tensor), tf.constant(True), []
    for axis, (what, length) in enumerate(axes.items()):
        if isinstance(length, int):
            continue
        least, most = length
        fits &= (shape[axis] >= least) & (shape[axis] <= most)
        limits.append(f"{what} {least} to {most}")
    letters = [str(length) if isinstance(length, int) else what for what, length in axes.items()]
    rule = f"{name} must be [{', '.join(letters)}], {', '.join(limits)}."
    with tf.control_dependencies([require(fits, rule, shape)]):
        return tf.identity(tensor)


def checked_state(state, batch, specs):
    """Checks the state of streams.

    Args:
        state: dict of tensors, batch first.
        batch: number of streams, int32 scalar.
        specs: dict of `tf.TensorSpec`, the same names.

    Returns:
        The same state.
    """
    state = {
        name: tf.ensure_shape(state[name], spec.shape, name=name) for name, spec in specs.items()
    }
    rows = tf.stack([tf.shape(value)[0] for value in state.values()])
    flat = [tf.cast(tf.reshape(value, [-1]), tf.float32) for value in state.values()]
    fits = tf.reduce_all(rows == batch) & tf.reduce_all(tf.math.is_finite(tf.concat(flat, 0)))

    def refuse():
        wrong = []
        for index, (name, values) in enumerate(zip(state, flat, strict=True)):
            rule = f"{name} must have one row for each frame of the batch."
            wrong.append(require(rows[index] == batch, rule, rows[index]))
            finite = tf.reduce_all(tf.math.is_finite(values))
            # Else the stream would stay spoilt for ever.
            wrong.append(require(finite, f"{name} must be finite.", values))
        with tf.control_dependencies(wrong):
            return tf.constant(False)

    # One look at all of them: a step is short, and an assertion is not.
    with tf.control_dependencies([tf.cond(fits, lambda: tf.constant(True), refuse)]):
        return {name: tf.identity(value) for name, value in state.items()}
