"""Writes checkpoints as TensorFlow 1 saved them."""

import tensorflow as tf


def write_checkpoint(prefix, variables):
    """Saves variables by TensorFlow 1's own saver; returns the prefix."""
    with tf.Graph().as_default():
        made = [
            tf.compat.v1.get_variable(name, initializer=value, use_resource=False)
            for name, value in variables.items()
        ]
        with tf.compat.v1.Session() as session:
            session.run(tf.compat.v1.global_variables_initializer())
            saver = tf.compat.v1.train.Saver(made)
            return saver.save(session, str(prefix), write_meta_graph=False)
