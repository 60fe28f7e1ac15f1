"""Trainings that are killed at random file operations end like one that was not, bit by bit."""

import csv
import json
import pathlib
import random
import sys

import numpy as np
import pytest
from faults.kill_at import available, count_operations, kill_at
from tiny import as_flag, checkpoint_values

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not available(), reason="killing at an operation takes gcc"),
]

ROOT = pathlib.Path(__file__).parents[2]
KILLS = 30
OVERRIDES = {
    "trainer": {"train_steps": 7, "checkpoint_interval": 1, "validation_interval": 2},
    "runtime": {"op_determinism": True},
}


def command(run):
    train = [sys.executable, str(ROOT / "pipelines" / "train.py")]
    return [*train, f"--output={run}", f"--params-override={as_flag(OVERRIDES)}"]


def outcome(run):
    """All that a training leaves, but times and the commit."""
    with (run / "log.csv").open() as file:
        rows = list(csv.DictReader(file))
    for row in rows:
        del row["seconds"], row["videos_per_second"]
    summary = json.loads((run / "summary.json").read_text())
    del summary["minutes"], summary["commit"]  # Somebody may commit meanwhile.
    files = sorted(
        str(path.relative_to(run)) for path in run.rglob("*") if path.parent.name != "tensorboard"
    )
    values = {
        which: {
            name: np.asarray(value).tobytes()
            for name, value in checkpoint_values(run / "checkpoints" / which).items()
        }
        for which in ("last", "best")
    }
    return {"log": rows, "summary": summary, "files": files, **values}


def test_kills_at_random_file_operations(tmp_path, counted):
    operations, done = count_operations(command(tmp_path / "undisturbed"), tmp_path)
    assert done.returncode == 0, done.stderr
    expected = outcome(tmp_path / "undisturbed")

    draw = random.Random(operations)
    kills = trainings = same = 0
    wrong = []
    while kills < KILLS:
        run = tmp_path / f"killed-{trainings}"
        while True:
            at = draw.randint(1, operations // 2)
            killed, done = kill_at(at, command(run), tmp_path)
            if not killed:
                break
            kills += 1
        trainings += 1
        differs = (
            [name for name, value in outcome(run).items() if value != expected[name]]
            if done.returncode == 0
            else [done.stderr[-2000:]]
        )
        same += not differs
        wrong += [(run.name, differs)] if differs else []
    counted(
        "a training killed at random file operations",
        kills=kills,
        trainings=trainings,
        same_end_bit_by_bit=same,
    )
    assert not wrong
