"""The end of a training that has had its time."""

import time

import tensorflow as tf


class TimeLimit(tf.keras.callbacks.Callback):
    """Ends a training at the first checkpoint after its time; it can go on from there later.

    Args:
        minutes: the time.
    """

    def __init__(self, minutes):
        super().__init__()
        self._minutes = minutes

    def on_train_begin(self, logs=None):
        """Starts the clock."""
        self._end = time.monotonic() + 60 * self._minutes

    def on_epoch_end(self, epoch, logs=None):
        """Looks at the clock."""
        if time.monotonic() >= self._end:
            self.model.stop_training = True
