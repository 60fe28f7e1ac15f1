"""Callbacks that validate and save."""

import tensorflow as tf

from rstg_tf.runs.checkpoint_folder import CheckpointFolder
from rstg_tf.runs.state import averaged_weights, best_step


class Validation(tf.keras.callbacks.Callback):
    """Validates with averaged weights, and keeps the weights of the highest accuracy.

    It takes place at the end of an epoch where `validation_interval` steps have passed and at the
    end of the training, and puts `val_loss` and `val_accuracy` into the epoch's logs.

    Args:
        state: a `training_state`.
        validate: function without arguments that returns `{"loss": ..., "accuracy": ...}`.
        trainer: the `trainer` section of an experiment.
        directory: where the best weights are saved, as they were validated; `Checkpoints` removes
            those that no checkpoint refers to any more.
    """

    def __init__(self, state, validate, trainer, directory):
        super().__init__()
        self._state = state
        self._validate = validate
        self._trainer = trainer
        self._folder = CheckpointFolder(directory)

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
                self._folder.save(tf.train.Checkpoint(model=state.model), step)


class Checkpoints(tf.keras.callbacks.Callback):
    """Saves the state at the end of every epoch, and then shows what `RunLog` noted of it.

    Args:
        state: a `training_state`.
        trainer: the `trainer` section of an experiment.
        folder: the `RunFolder` of the training.
        log: a `RunLog`, or None; its record is saved with the state.
    """

    def __init__(self, state, trainer, folder, log=None):
        super().__init__()
        self._state = state
        self._trainer = trainer
        self._last, self._best = CheckpointFolder(folder.last), CheckpointFolder(folder.best)
        self._log = log

    def on_epoch_end(self, epoch, logs=None):
        """Saves."""
        record = None if self._log is None else self._log.record()
        self._last.save(self._state, int(self._state.step), record)
        self.tidy()
        if self._log is not None:
            self._log.show()

    def tidy(self, spare=False):
        """Keeps the last checkpoints and the best ones that they refer to.

        Args:
            spare: whether other checkpoints stay, so that only leftovers of kills are removed.
        """
        there = self._last.steps()
        steps = [step for step in there if step <= int(self._state.step)]
        steps = steps[: self._trainer.max_to_keep]
        self._last.keep(steps, spared=there if spare else ())
        best = {best_step(self._last.prefix(step)) for step in steps}
        best = [step for step in self._best.steps() if step in best]
        self._best.keep(best, spared=self._best.steps() if spare else ())
