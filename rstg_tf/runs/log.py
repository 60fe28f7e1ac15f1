"""What is noted of a training: `log.csv`, its picture, TensorBoard, the summary."""

import csv
import logging
import math
import pathlib
import time

import tensorflow as tf

from rstg_tf import checked_json
from rstg_tf.files import written_whole
from rstg_tf.runs import environment
from rstg_tf.runs.checkpoints import CheckpointFolder
from rstg_tf.runs.run_folder import SUMMARY

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
_WHOLE = ("step", "videos")
_RECORD = {"log": [{str: str}], "summary": SUMMARY}
_LOG = logging.getLogger(__name__)


def write_log(path, rows):
    """Writes rows, dicts with keys of `COLUMNS`."""
    with written_whole(path) as part, part.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        writer.writerows(rows)


def read_log(path):
    """Reads the rows, a list of dicts with keys of `COLUMNS`, of text as it stands there.

    Raises a ValueError that names the row where the file is damaged.
    """
    try:
        with pathlib.Path(path).open(newline="", encoding="utf-8") as file:
            reader = csv.DictReader(file, strict=True)
            rows = list(reader)
        if tuple(reader.fieldnames or ()) != COLUMNS:
            raise ValueError(f"its first line must be {','.join(COLUMNS)}")
        if any(None in row or None in row.values() for row in rows):
            raise ValueError(f"every row must have {len(COLUMNS)} cells")
        check_rows(rows)
    except (ValueError, csv.Error) as error:
        raise ValueError(f"The log is damaged ({error}). Received: {path}") from error
    return rows


def check_rows(rows):
    """Raises a ValueError unless rows hold numbers, or nothing, and their steps grow."""
    last = 0
    for number, row in enumerate(rows, 1):
        if set(row) != set(COLUMNS):
            raise ValueError(f"row {number} has not the columns {','.join(COLUMNS)}")
        for name, text in row.items():
            if not (text == "" and name not in _WHOLE) and not _is_number(text, name in _WHOLE):
                raise ValueError(f"row {number} has {name}={text[:40]!r}")
        if int(row["step"]) <= last:
            raise ValueError(f"row {number} is of step {row['step']}, behind step {last}")
        last = int(row["step"])


class RunLog(tf.keras.callbacks.Callback):
    """Notes a row for every epoch; `Checkpoints` saves it with the state before it is shown.

    So `log.csv` and `summary.json` never run ahead of the checkpoint, and what a kill or damage
    took of them comes back from it.

    `folder` is a `RunFolder`, `state` a `training_state`, `skipped` are the `Skipped` records of
    the datasets, `rows` those of the training so far, `hardware` what trained, in words, and `more`
    further entries of the summary.
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
        there = _readable(self._folder.read_summary)
        if summary is None:
            summary = there if there and there["steps"] == step else self._summary()
        if _readable(read_log, self._folder.log) != self._rows or there != summary:
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
            _LOG.warning("%s", skipped)

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
    """Reads what was noted of a training up to the checkpoint of a step, in a `RunFolder`.

    Returns its rows, dicts of text, and its summary, or None where a training of an earlier version
    kept no record with its checkpoints; rows come from `log.csv` then. Raises a ValueError where
    that is damaged.
    """
    path = CheckpointFolder(folder.last).record(step)
    try:
        return _parse(path)
    except FileNotFoundError:
        pass
    except ValueError as error:
        _LOG.warning("%s; log.csv is taken", error)
    if folder.log.exists():
        return [row for row in read_log(folder.log) if int(row["step"]) <= step], None
    _LOG.warning("%s is missing; its rows up to step %d are lost", folder.log, step)
    return [], None


def _readable(read, *arguments):
    """What can be read, or None."""
    try:
        return read(*arguments)
    except (FileNotFoundError, ValueError):
        return None


def _parse(path):
    record = checked_json.read(path, _RECORD, "The record of a checkpoint")
    try:
        check_rows(record["log"])
    except ValueError as error:
        raise ValueError(
            f"The record of a checkpoint is damaged ({error}). Received: {path}"
        ) from error
    return record["log"], record["summary"]


def _is_number(text, whole):
    try:
        value = int(text) if whole else float(text)
    except ValueError:
        return False
    return math.isfinite(value)


def draw_learning_curve(log):
    """Draws a training's `log.csv`, a `matplotlib.figure.Figure`.

    The loss of training and validation is on the left, their accuracy on the right. Raises a
    ValueError where the file has no rows, or is damaged.
    """
    import pandas as pd
    from matplotlib.figure import Figure

    rows = pd.DataFrame(read_log(log), columns=COLUMNS).apply(pd.to_numeric)
    if rows.empty:
        raise ValueError(f"A learning curve takes a log with rows. Received: {log}")
    validated = rows.dropna(subset="val_loss")
    figure = Figure(figsize=(9, 3.2), layout="constrained")
    for ax, name in zip(figure.subplots(1, 2), ("loss", "accuracy"), strict=True):
        ax.plot(rows["videos"], rows[name], color="C0", label="training")
        ax.plot(validated["videos"], validated[f"val_{name}"], "o-", color="C1", label="validation")
        ax.set(xlabel="videos seen", ylabel=name)
        ax.xaxis.set_major_formatter("{x:,.0f}")
        ax.locator_params(axis="x", nbins=4)  # Numbers of millions are wide.
    ax.set_ylim(0, 1.02)
    ax.legend(frameon=False, loc="lower right")
    return figure
