"""The record of a training: a CSV file, TensorBoard, a summary."""

import sys
import time

import tensorflow as tf

from rstg_tf import checked_json
from rstg_tf.runs import environment
from rstg_tf.runs.checkpoint_folder import CheckpointFolder
from rstg_tf.runs.log_file import COLUMNS, check_rows, read_log, write_log
from rstg_tf.runs.run_folder import SUMMARY

_RECORD = {"log": [{str: str}], "summary": SUMMARY}


class RunLog(tf.keras.callbacks.Callback):
    """Notes a row for every epoch; `Checkpoints` saves it with the state before it is shown.

    So `log.csv` and `summary.json` never run ahead of the checkpoint, and what a kill or damage
    took of them comes back from it.

    Args:
        folder: a `RunFolder`.
        state: a `training_state`.
        config: the resolved config of the training.
        skipped: the `Skipped` records of its data sets.
        rows: those of the training so far, dicts with keys of `COLUMNS`.
        hardware: what trained, in words; by default this machine.
        **more: further entries of the summary.
    """

    def __init__(self, folder, state, config, skipped=(), rows=(), hardware=None, **more):
        super().__init__()
        self._folder = folder
        self._state = state
        self._config = config
        self._skipped = skipped
        self._rows = [{name: str(row.get(name, "")) for name in COLUMNS} for row in rows]
        self._hardware = hardware or environment.hardware()
        self._more = more

    def resume(self):
        """Takes up what was noted up to the step of the state, and mends the files of it."""
        step = int(self._state.step)
        if not step:
            return
        self._rows, summary = read_record(self._folder, step)
        there = _what(self._folder.read_summary)
        if summary is None:
            summary = there if there and there["steps"] == step else self._summary()
        if _what(read_log, self._folder.log) != self._rows or there != summary:
            self.show(summary)

    def on_train_begin(self, logs=None):
        """Starts the clock and TensorBoard."""
        write_log(self._folder.log, self._rows)
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
        row = {
            "step": step,
            "videos": step * batch_size,
            "seconds": round(float(self._state.seconds), 1),
            **{name: f"{value:.6g}" for name, value in figures.items()},
        }
        self._rows.append({name: str(row.get(name, "")) for name in COLUMNS})

    def on_train_end(self, logs=None):
        """Closes TensorBoard, and says what was left out."""
        self._writer.close()
        for skipped in filter(len, self._skipped):
            print(skipped, file=sys.stderr)

    def record(self):
        """What a checkpoint must keep: the rows, and the summary that follows from them."""
        return {"log": self._rows, "summary": self._summary()}

    def show(self, summary=None):
        """Writes the rows and the summary, by default that of now, into the folder."""
        write_log(self._folder.log, self._rows)
        self._folder.write_summary(summary or self._summary())

    def _summary(self):
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
            "hardware": self._hardware,
            "versions": environment.versions(),
            "commit": environment.commit(),
            **self._more,
        }


def read_record(folder, step):
    """Reads what was noted of a training.

    Args:
        folder: a `RunFolder`.
        step: of the checkpoint that is taken up.

    Returns:
        Its rows, dicts of text, and its summary, or None where a training of an earlier version
        kept no record with its checkpoints; rows come from `log.csv` then.

    Raises:
        ValueError: what is there is damaged.
    """
    path = CheckpointFolder(folder.last).record(step)
    try:
        return _parse(path)
    except FileNotFoundError:
        pass
    except ValueError as error:
        print(f"{error}; log.csv is taken", file=sys.stderr)
    if folder.log.exists():
        return [row for row in read_log(folder.log) if int(row["step"]) <= step], None
    print(f"{folder.log} is missing; its rows up to step {step} are lost", file=sys.stderr)
    return [], None


def _what(read, *arguments):
    """What can be read, or None."""
    try:
        return read(*arguments)
    except (FileNotFoundError, ValueError):
        return None


def _parse(path):
    record = checked_json.parse(path.read_bytes(), _RECORD, "The record of a checkpoint", path)
    try:
        check_rows(record["log"])
    except ValueError as error:
        raise ValueError(
            f"The record of a checkpoint is damaged ({error}). Received: {path}"
        ) from error
    return record["log"], record["summary"]
