"""The step of a training, which an optimizer's own count is not where loss scaling skips steps."""

import tensorflow as tf


class StepCounter(tf.keras.callbacks.Callback):
    """Counts the steps and ends the training after the last one, be it within an epoch.

    Args:
        state: a `training_state`.
        trainer: the `trainer` section of an experiment; an epoch is a checkpoint interval.
    """

    def __init__(self, state, trainer):
        super().__init__()
        self._state = state
        self._trainer = trainer

    def on_epoch_begin(self, epoch, logs=None):
        """Notes where the epoch starts."""
        self._start = epoch * self._trainer.checkpoint_interval

    def on_train_batch_end(self, batch, logs=None):
        """Counts."""
        step = self._start + batch + 1
        self._state.step.assign(step)
        if step >= self._trainer.train_steps:
            self.model.stop_training = True
