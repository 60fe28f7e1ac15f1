"""Callbacks of a training: they count, validate, save, show, and end it.

In all of them `state` is a `training_state`, `trainer` the section of an experiment of that name.
"""

import math
import sys
import time

import tensorflow as tf
import tqdm

from rstg_tf.runs.checkpoints import CheckpointFolder, averaged_weights, best_step


class DivergedError(ArithmeticError):
    """The loss of a training is no number any more."""


class _Callback(tf.keras.callbacks.Callback):
    def __init__(self, state, trainer):
        super().__init__()
        self._state = state
        self._trainer = trainer


class Steps(_Callback):
    """Counts the steps; ends the training after the last one, or where loss or weights are lost.

    An epoch is a checkpoint interval. An optimizer's own count is another one: loss scaling skips
    steps.
    """

    def on_epoch_begin(self, epoch, logs=None):
        """Notes where the epoch starts."""
        self._start = epoch * self._trainer.checkpoint_interval

    def on_train_batch_end(self, batch, logs=None):
        """Counts, and looks at the loss."""
        step = self._start + batch + 1
        self._state.step.assign(step)
        if step >= self._trainer.train_steps:
            self.model.stop_training = True
        if not math.isfinite(logs["loss"]):
            self._stop(f"The loss is {logs['loss']}", f"loss={logs['loss']}")

    def on_epoch_end(self, epoch, logs=None):
        """Looks at the weights, which the loss of the last step was not of."""
        for weight in self._state.model.trainable_weights:
            if not math.isfinite(tf.reduce_sum(tf.abs(weight))):
                self._stop("A weight is not finite", weight.name)

    def _stop(self, what, received):
        rate = float(self._state.optimizer.learning_rate.numpy())
        raise DivergedError(
            f"{what} at step {int(self._state.step)} with learning rate {rate:.3g}. Checkpoints "
            "from before are kept. Train into another folder with a lower "
            "trainer.optimizer_config.learning_rate, a longer warmup or a lower global_clipnorm; "
            f"with mixed_precision_dtype=float16 try bfloat16. Received: {received}"
        )


class Validation(_Callback):
    """Validates with averaged weights, and keeps the weights of the highest accuracy.

    It takes place at the end of an epoch where `validation_interval` steps have passed and at the
    end of the training, and puts `val_loss` and `val_accuracy` into the epoch's logs.

    `validate()` returns `{"loss": ..., "accuracy": ...}`. The best weights are saved in `directory`
    as they were validated; `Checkpoints` removes those that no checkpoint refers to any more.
    """

    def __init__(self, state, validate, trainer, directory):
        super().__init__(state, trainer)
        self._validate = validate
        self._folder = CheckpointFolder(directory)

    def on_epoch_begin(self, epoch, logs=None):
        """Notes where the epoch starts."""
        self._passed = int(self._state.step) // self._trainer.validation_interval

    def on_epoch_end(self, epoch, logs=None):
        """Validates where it is due."""
        step, trainer = int(self._state.step), self._trainer
        if step >= trainer.train_steps or step // trainer.validation_interval != self._passed:
            logs.update(self.run())

    def run(self):
        """Validates now, and returns `{"val_loss": ..., "val_accuracy": ...}`."""
        state = self._state
        with averaged_weights(state.model, state.optimizer):
            figures = self._validate()
            if figures["accuracy"] > float(state.best_accuracy):
                state.best_accuracy.assign(figures["accuracy"])
                state.best_step.assign(state.step)
                self._folder.save(tf.train.Checkpoint(model=state.model), int(state.step))
        return {f"val_{name}": value for name, value in figures.items()}


class Checkpoints(_Callback):
    """Saves the state at the end of every epoch, and then shows what `RunLog` noted of it.

    The record of `log`, where it is not None, is saved with the state. The training, which can be
    resumed, ends at the first checkpoint after so many minutes.
    """

    def __init__(self, state, trainer, folder, log=None, minutes=None):
        super().__init__(state, trainer)
        self._last, self._best = CheckpointFolder(folder.last), CheckpointFolder(folder.best)
        self._log = log
        self._minutes = math.inf if minutes is None else minutes
        self._end = math.inf

    def on_train_begin(self, logs=None):
        """Starts the clock."""
        self._end = time.monotonic() + 60 * self._minutes

    def on_epoch_end(self, epoch, logs=None):
        """Saves, and looks at the clock."""
        self.save()
        if time.monotonic() >= self._end:
            self.model.stop_training = True

    def save(self):
        """Saves the state and its record, then tidies and shows the log."""
        record = None if self._log is None else self._log.record()
        self._last.save(self._state, int(self._state.step), record)
        self.tidy()
        if self._log is not None:
            self._log.show()

    def tidy(self, spare=False):
        """Keeps the last checkpoints and the best ones that they refer to.

        With `spare`, others stay, too, and only leftovers of kills are removed.
        """
        there = self._last.steps()
        steps = [step for step in there if step <= int(self._state.step)]
        steps = steps[: self._trainer.max_to_keep]
        self._last.keep(steps, spared=there if spare else ())
        best = {best_step(self._last.prefix(step)) for step in steps}
        best = [step for step in self._best.steps() if step in best]
        self._best.keep(best, spared=self._best.steps() if spare else ())


class Progress(_Callback):
    """One line with loss, accuracy, videos per second and the time left; one per validation.

    `batch_size` are the videos in a step.
    """

    def __init__(self, state, trainer, batch_size):
        super().__init__(state, trainer)
        self._batch_size = batch_size
        self._bar = None

    def on_train_begin(self, logs=None):
        """Opens the line."""
        pause = 0.5 if sys.stderr.isatty() else 30
        self._bar = tqdm.tqdm(
            desc="training",
            total=self._trainer.train_steps * self._batch_size,
            initial=int(self._state.step) * self._batch_size,
            unit=" videos",
            unit_scale=True,
            dynamic_ncols=True,
            mininterval=pause,
            maxinterval=pause,
        )

    def on_train_batch_end(self, batch, logs=None):
        """Moves the line."""
        figures = {"loss": f"{logs['loss']:.3f}", "accuracy": f"{logs['accuracy']:.3f}"}
        self._bar.set_postfix(figures, refresh=False)
        self._bar.update(self._batch_size)

    def on_epoch_end(self, epoch, logs=None):
        """Writes a line of its own for a validation."""
        if "val_loss" in logs:
            self._bar.write(
                f"step {int(self._state.step)}: loss {logs['loss']:.3f}, "
                f"accuracy {logs['accuracy']:.3f}; validation loss {logs['val_loss']:.3f}, "
                f"accuracy {logs['val_accuracy']:.3f}",
                file=sys.stderr,
            )

    def close(self):
        """Ends the line, also that of a training that failed."""
        if self._bar is not None:
            self._bar.close()
