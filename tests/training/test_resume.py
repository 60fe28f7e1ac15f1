"""A training that is killed, for real, goes on as if nothing had been."""

import csv
import os
import pathlib
import signal
import subprocess
import sys
import time

import tensorflow as tf
from tiny import as_flag, assert_same_checkpoint, checkpoint_values

ROOT = pathlib.Path(__file__).parents[2]
OVERRIDES = {
    "trainer": {"train_steps": 60, "checkpoint_interval": 20, "validation_interval": 40},
    "runtime": {"op_determinism": True},
}


def start(output):
    command = [
        sys.executable,
        str(ROOT / "pipelines" / "train.py"),
        f"--output={output}",
        f"--params-override={as_flag(OVERRIDES)}",
    ]
    return subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def log_rows(run):
    with (run / "log.csv").open() as file:
        return list(csv.DictReader(file))


def test_killed_training_ends_like_an_undisturbed_one(tmp_path):
    undisturbed = start(tmp_path / "undisturbed")
    killed = start(tmp_path / "killed")
    last = tmp_path / "killed" / "checkpoints" / "last"
    while not (last / "ckpt-20.index").exists():
        assert killed.poll() is None, killed.communicate()
        time.sleep(0.05)
    os.kill(killed.pid, signal.SIGKILL)
    killed.communicate()
    at = tf.train.latest_checkpoint(last)
    assert at is None or int(at.rpartition("-")[2]) < 60, "it was killed too late"

    again = start(tmp_path / "killed")
    for process in (again, undisturbed):
        _, errors = process.communicate(timeout=1200)
        assert process.returncode == 0, errors

    expected = checkpoint_values(tmp_path / "undisturbed" / "checkpoints" / "last")
    found = checkpoint_values(last)
    assert int(expected["step/.ATTRIBUTES/VARIABLE_VALUE"]) == 60
    assert_same_checkpoint(found, expected)
    rows = [log_rows(tmp_path / name) for name in ("undisturbed", "killed")]
    assert [row["step"] for row in rows[1]] == ["20", "40", "60"]
    for column in ("loss", "accuracy", "learning_rate", "val_loss", "val_accuracy"):
        assert [row[column] for row in rows[0]] == [row[column] for row in rows[1]], column
