"""The demo as a whole, on smaller clips and with fewer steps."""

import json
import subprocess
import sys

import keras
import numpy as np
import pytest
from closeness import assert_close


@pytest.mark.slow
def test_demo_runs_to_its_table_and_does_nothing_twice(tmp_path):
    command = [sys.executable, "pipelines/demo.py", f"--output={tmp_path}"]
    command += ["--steps=700", "--size=32", "--frames=8"]
    first = subprocess.run(command, capture_output=True, text=True)
    assert "interactions_rstg is clearly better than interactions_mean." in first.stdout
    assert first.returncode == 0, first.stderr
    assert (tmp_path / "attention.png").stat().st_size > 10_000
    metrics = json.loads((tmp_path / "evaluations/interactions_rstg/metrics.json").read_text())
    assert metrics["held_out"]
    assert metrics["figures"]["num_clips"] == 1000
    model = keras.models.load_model(tmp_path / "model_zoo/interactions_rstg")
    probabilities = model(np.zeros([1, 8, 32, 32, 3], np.uint8))["probabilities"]
    assert_close(np.sum(probabilities), 1)

    again = subprocess.run(command, capture_output=True, text=True)
    commands = [line for line in again.stdout.splitlines() if line.startswith("$ ")]
    assert [line.split()[1] for line in commands] == ["python"], again.stderr
    assert "-c" in commands[0]
