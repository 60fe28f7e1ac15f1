"""Callbacks that validate and save."""

import tensorflow as tf

from rstg_tf.training.optimizer import averaged_weights


class Validation(tf.keras.callbacks.Callback):
    """Validates with averaged weights, and keeps the weights of the highest accuracy.

    It takes place at the end of an epoch where `validation_interval` steps have passed and at the
    end of the training, and puts `val_loss` and `val_accuracy` into the epoch's logs.

    Args:
        state: a `training_state`.
        validate: function without arguments that returns `{"loss": ..., "accuracy": ...}`.
        trainer: the `trainer` section of an experiment.
        directory: where the best weights are saved, as they were validated.
    """

    def __init__(self, state, validate, trainer, directory):
        super().__init__()
        self._state = state
        self._validate = validate
        self._trainer = trainer
        # The one before is there until the state has been saved, too: see `restore`.
        self._manager = tf.train.CheckpointManager(
            tf.train.Checkpoint(model=state.model), str(directory), max_to_keep=2
        )

    def on_epoch_begin(self, epoch, logs=None):
        """Notes where the epoch starts."""
        self._passed = int(self._state.step) // self._trainer.validation_interval

    def on_epoch_end(self, epoch, logs=None):
        """Validates where it is due."""
        state, trainer = self._state, self._trainer
        step = int(state.step)
        if step < trainer.train_steps and step // trainer.validation_interval == self._passed:
            return
        with averaged_weights(state.model, state.optimizer):
            figures = self._validate()
            logs.update({f"val_{name}": value for name, value in figures.items()})
            if figures["accuracy"] > float(state.best_accuracy):
                state.best_accuracy.assign(figures["accuracy"])
                state.best_step.assign(step)
                self._manager.save(checkpoint_number=step)


class Checkpoints(tf.keras.callbacks.Callback):
    """Saves the state at the end of every epoch.

    Args:
        state: a `training_state`.
        trainer: the `trainer` section of an experiment.
        directory: where the last checkpoints are.
    """

    def __init__(self, state, trainer, directory):
        super().__init__()
        self._state = state
        self._manager = tf.train.CheckpointManager(
            state, str(directory), max_to_keep=trainer.max_to_keep
        )

    def on_epoch_end(self, epoch, logs=None):
        """Saves."""
        self._manager.save(checkpoint_number=int(self._state.step))
