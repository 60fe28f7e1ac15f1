"""The Time stage: a recurrence along time, one state a node, no exchange between nodes."""

import tensorflow as tf

from rstg_tf.layers.configured import ConfiguredLayer


@tf.keras.utils.register_keras_serializable("rstg_tf")
class TimeStage(ConfiguredLayer):
    """An LSTM along time whose weights all nodes share (paper, section 3.3).

    Time comes first in its input, so that neither the recurrence nor the Space stages around it
    need a transposition.

    Args:
        units: node dimension `D` of the output.

    Call arguments:
        nodes: node features `[T, B, N, C]`.

    Returns:
        Node features `[T, B, N, D]`.
    """

    def __init__(self, units, **kwargs):
        super().__init__(**kwargs)
        self.units = units
        self.lstm = tf.keras.layers.LSTM(
            units, return_sequences=True, time_major=True, name="lstm", dtype=self.dtype_policy
        )

    def build(self, input_shape):
        """Creates the weights of the LSTM."""
        self.lstm.build((None, None, input_shape[-1]))
        super().build(input_shape)

    def call(self, nodes):
        """Runs all nodes of the batch as sequences of their own."""
        time, batch, num_nodes = tf.unstack(tf.shape(nodes)[:3])
        sequences = tf.reshape(nodes, [time, batch * num_nodes, nodes.shape[-1]])
        hidden = self.lstm(sequences)
        hidden = tf.reshape(hidden, [time, batch, num_nodes, self.units])
        return tf.ensure_shape(hidden, [*nodes.shape[:3], self.units])

    def step(self, nodes, hidden, cell):
        """Advances by one frame.

        Args:
            nodes: node features of the frame `[B, N, C]`.
            hidden: hidden state `[B, N, D]`, which is also the last output.
            cell: cell state `[B, N, D]`.

        Returns:
            The next `(hidden, cell)`.
        """
        shape = tf.shape(hidden)
        states = [tf.reshape(state, [-1, self.units]) for state in (hidden, cell)]
        _, (hidden, cell) = self.lstm.cell(tf.reshape(nodes, [-1, nodes.shape[-1]]), states)
        return tf.reshape(hidden, shape), tf.reshape(cell, shape)
