"""Checks inside of an exported graph: a bad request is refused by the name of its input.

A server hands requests to the graph as they come. What is wrong must be found before it costs
memory, and the answer is INVALID_ARGUMENT with a message that names the input.
"""

import tensorflow as tf

# Of a state: its squares and sums of them are far below float32's largest number, and no stream
# comes near it.
_LARGEST = 1e12
_COUNT = "frames_seen"


def require(condition, rule, received):
    """An assertion for `tf.control_dependencies`; `rule` begins with the name of the input."""
    return tf.debugging.Assert(condition, [f"{rule} Received:", received], summarize=8)


def required(tensor, *assertions):
    """Returns the tensor, once the assertions hold."""
    with tf.control_dependencies(assertions):
        return tf.identity(tensor)


def _unless(wrong, fits, values):
    """Returns a dict of tensors; where they don't fit, one of the assertions `wrong()` says why.

    One look at all of them: a step is short, and an assertion is not.
    """

    def refuse():
        return required(tf.constant(False), *wrong())

    fits = tf.cond(fits, lambda: tf.constant(True), refuse)
    with tf.control_dependencies([fits]):
        return {name: tf.identity(value) for name, value in values.items()}


def checked(tensor, name, **axes):
    """Returns an input whose shape is checked; each axis must be an int or `(least, most)` long."""
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
    return required(tensor, require(fits, rule, shape))


def checked_pixels(tensor, name, each, settings):
    """Returns clips or encoded frames, where the model would not see too many pixels.

    An element of the tensor stands for `each` pixels, a fraction with several channels.
    """
    pixels = tf.cast(tf.size(tensor, tf.int64), tf.float64) * each
    limit = settings.max_clip_megapixels
    rule = f"{name} must be at most {limit} million pixels as the model sees them."
    return required(tensor, require(pixels <= limit * 1e6, rule, pixels))


def checked_state(state, batch, specs):
    """Returns the state of `batch` streams, a dict of tensors, checked against a dict of specs."""
    state = {
        name: tf.ensure_shape(state[name], spec.shape, name=name) for name, spec in specs.items()
    }
    rows = tf.stack([tf.shape(value)[0] for value in state.values()])
    fits = tf.reduce_all(rows == batch) & _all_within(state.values(), _LARGEST)
    if _COUNT in state:  # The model divides by one more.
        fits &= tf.reduce_all(state[_COUNT] >= 0)

    def wrong():
        for index, (name, value) in enumerate(state.items()):
            rule = f"{name} must have one row for each frame of the batch."
            yield require(rows[index] == batch, rule, rows[index])
            # Else the stream would stay spoilt for ever.
            good = _all_within([value], _LARGEST)
            rule = f"{name} must be finite, and of numbers below {_LARGEST:g}."
            yield require(good, rule, value)
            if name == _COUNT:
                rule = f"{name} must not be negative."
                yield require(tf.reduce_all(value >= 0), rule, value)

    return _unless(wrong, fits, state)


def finite_answer(outputs, inputs):
    """Returns what the model made of its inputs, dicts of tensors: an answer is never NaN."""
    finite = _all_within(outputs.values(), float("inf"))

    def wrong():
        largest = [tf.reduce_max(tf.abs(tf.cast(value, tf.float32))) for value in inputs.values()]
        rule = f"{', '.join(inputs)} must be such that the model's numbers stay finite."
        return [require(finite, rule, tf.stack(largest))]

    return _unless(wrong, finite, outputs)


def _all_within(tensors, limit):
    """Whether all numbers are finite and at most `limit`, bool scalar."""
    flat = tf.concat([tf.cast(tf.reshape(value, [-1]), tf.float32) for value in tensors], axis=0)
    largest = tf.abs(flat)
    return tf.reduce_all((largest <= limit) & (largest < float("inf")))
