"""The record of a training: a CSV file, TensorBoard, a summary."""

import csv
import sys
import time

import tensorflow as tf

from rstg_tf.files import written_whole
from rstg_tf.training import environment

COLUMNS = (
    "step",
    "videos",
    "seconds",
    "loss",
    "accuracy",
    "learning_rate",
    "videos_per_second",
    "val_loss",
    "val_accuracy",
)


class RunLog(tf.keras.callbacks.Callback):
    """Adds a row for every epoch, and forgets those that a killed training will repeat.

    Args:
        folder: a `RunFolder`.
        state: a `training_state`.
        config: the resolved config of the training.
        skipped: the `Skipped` records of its data sets.
    """

    def __init__(self, folder, state, config, skipped=()):
        super().__init__()
        self._folder = folder
        self._state = state
        self._config = config
        self._skipped = skipped

    def on_train_begin(self, logs=None):
        """Reads the rows of the training so far."""
        self._rows = [
            row for row in _read(self._folder.log) if int(row["step"]) <= int(self._state.step)
        ]
        self._write_all()
        self._writer = tf.summary.create_file_writer(str(self._folder.tensorboard))
        self._step, self._time = int(self._state.step), time.monotonic()

    def on_epoch_end(self, epoch, logs=None):
        """Adds a row."""
        step, now = int(self._state.step), time.monotonic()
        seconds, steps = now - self._time, step - self._step
        self._state.seconds.assign_add(seconds)
        self._step, self._time = step, now
        batch_size = self._config.train_data.global_batch_size
        figures = {
            **logs,
            "learning_rate": float(self._state.optimizer.learning_rate.numpy()),
            "videos_per_second": steps * batch_size / seconds,
        }
        with self._writer.as_default(step):
            for name, value in figures.items():
                tf.summary.scalar(name, value)
        self._rows.append(
            {
                "step": step,
                "videos": step * batch_size,
                "seconds": round(float(self._state.seconds), 1),
                **{name: f"{value:.6g}" for name, value in figures.items()},
            }
        )
        self.write(self._rows, environment.hardware())

    def on_train_end(self, logs=None):
        """Closes TensorBoard, and says what was left out."""
        self._writer.close()
        for skipped in filter(len, self._skipped):
            print(skipped, file=sys.stderr)

    def write(self, rows, hardware, **more):
        """Writes rows, and the summary that follows from them.

        Args:
            rows: list of dicts with keys of `COLUMNS`.
            hardware: what trained, in words.
            **more: further entries of the summary.
        """
        self._rows = rows
        self._write_all()
        self._folder.write_summary({**self._summary(hardware), **more})

    def _write_all(self):
        with (
            written_whole(self._folder.log) as part,
            part.open("w", newline="", encoding="utf-8") as file,
        ):
            writer = csv.DictWriter(file, COLUMNS)
            writer.writeheader()
            writer.writerows(self._rows)

    def _summary(self, hardware):
        state, config = self._state, self._config
        best = {int(row["step"]): row for row in self._rows}.get(int(state.best_step))
        step = int(state.step)
        return {
            "experiment": config.name,
            "size": config.size,
            "steps": step,
            "videos": step * config.train_data.global_batch_size,
            "minutes": round(float(state.seconds) / 60, 2),
            "parameters": state.model.count_params(),
            "best_validation": {
                "step": int(best["step"]),
                "loss": float(best["val_loss"]),
                "accuracy": float(best["val_accuracy"]),
            }
            if best
            else None,
            "skipped_records": sum(map(len, self._skipped)),
            "seed": config.trainer.seed,
            "hardware": hardware,
            "versions": environment.versions(),
            "commit": environment.commit(),
        }


def _read(path):
    if not path.exists():
        return []
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))
