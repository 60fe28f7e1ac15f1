"""What a training shows: one line that is alive, and a clear end where the loss is lost."""

import math
import sys

import tensorflow as tf
import tqdm


class Progress(tf.keras.callbacks.Callback):
    """One line with loss, accuracy, videos per second and the time left; one per validation.

    Args:
        state: a `training_state`.
        train_steps: steps of the whole training.
        batch_size: videos in a step.
    """

    def __init__(self, state, train_steps, batch_size):
        super().__init__()
        self._state = state
        self._train_steps = train_steps
        self._batch_size = batch_size
        self._bar = None

    def on_train_begin(self, logs=None):
        """Opens the line."""
        pause = 0.5 if sys.stderr.isatty() else 30
        self._bar = tqdm.tqdm(
            desc="training",
            total=self._train_steps * self._batch_size,
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


class DivergedError(ArithmeticError):
    """The loss of a training is no number any more."""


class StopWhereDiverged(tf.keras.callbacks.Callback):
    """Ends a training whose loss or weights are not finite, before they are saved.

    Args:
        state: a `training_state`.
    """

    def __init__(self, state):
        super().__init__()
        self._state = state

    def on_train_batch_end(self, batch, logs=None):
        """Looks at the loss."""
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
