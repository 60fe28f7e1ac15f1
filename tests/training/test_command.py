"""The command line of training: what it prints and how it refuses."""

import json
import pathlib
import signal
import subprocess
import sys
import time

import pytest
from faults.kill_at import available, full_at
from tiny import as_flag

from rstg_tf.cli import main

PIPELINES = pathlib.Path(__file__).parents[2] / "pipelines"


@pytest.fixture
def command():
    return lambda flags: main(["train", *flags])


def test_lists_experiments_without_noise():
    done = subprocess.run(
        [sys.executable, str(PIPELINES / "train.py"), "--list=sync3_*"],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0
    assert "sync3_rstg_alltemp\n" in done.stdout
    assert "interactions" not in done.stdout
    assert done.stderr == ""


@pytest.mark.parametrize(
    "flags, message",
    [
        (["--experiment=interactions_rtsg"], "interactions_rstg"),
        (["--params-override=trainer.train_step=5"], "trainer.train_steps"),
        (["--strategy=multi_worker_mirrored"], "TF_CONFIG"),
        (["--strategy=horovod"], "one_device"),
        (["--data=/nowhere"], "/nowhere"),
        (["--config-file=/nowhere.yaml"], "/nowhere.yaml"),
    ],
)
def test_refuses_in_one_line(command, flags, message, tmp_path, capsys):
    with pytest.raises(SystemExit) as end:
        command([*flags, f"--output={tmp_path / 'run'}"])
    assert end.value.code == 2
    errors = capsys.readouterr().err
    assert errors.startswith("error: ")
    assert errors.count("\n") == 1
    assert message in errors
    assert not (tmp_path / "run").exists()


def test_flags_and_file_reach_the_config(command, tmp_path, capsys):
    file = tmp_path / "config.yaml"
    file.write_text("trainer: {seed: 5}\n")
    command(
        [
            "--show",
            "--scale=paper",
            "--strategy=mirrored",
            "--virtual-devices=2",
            "--data=/shards",
            f"--config-file={file}",
            "--params-override=model.dropout=0.5",
        ]
    )
    shown = capsys.readouterr().out
    for line in (
        "seed: 5",
        "dropout: 0.5",
        "node_dim: 512",
        "distribution_strategy: mirrored",
        "virtual_devices: 2",
        "input_path: /shards",
    ):
        assert line in shown


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_running_training_ends_at_once_and_says_that_it_resumes(tmp_path, number):
    overrides = as_flag({"trainer": {"train_steps": 1_000_000, "validation_interval": 1_000_000}})
    command = [sys.executable, PIPELINES / "train.py", f"--params-override={overrides}"]
    run = tmp_path / "run"
    with subprocess.Popen(
        [*command, f"--output={run}"], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    ) as training:
        while training.poll() is None and not [*run.glob("checkpoints/last/*.index")]:
            time.sleep(0.1)
        training.send_signal(number)
        begun = time.monotonic()
        errors = training.communicate()[1]
    assert training.returncode == 128 + number, errors
    assert time.monotonic() - begun < 30  # It would go on for days.
    assert f"interrupted; the same command resumes the training in {run}\n" in errors
    assert "Traceback" not in errors


@pytest.mark.skipif(not available(), reason="a disk that gets full at an operation takes gcc")
def test_a_disk_that_gets_full_is_named_and_the_same_command_goes_on(tmp_path):
    train = [sys.executable, str(PIPELINES / "train.py"), f"--output={tmp_path / 'run'}"]
    train += [f"--params-override={as_flag()}"]
    done = full_at(150, train, tmp_path)  # Of 250: after the first checkpoint.
    (error,) = [line for line in done.stderr.splitlines() if line.startswith("error:")]
    assert (done.returncode, "Traceback" in done.stderr) == (2, False), done.stderr
    assert "No space left" in error and str(tmp_path / "run") in error
    done = subprocess.run(train, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert json.loads((tmp_path / "run" / "summary.json").read_text())["steps"] == 4
    left = {path.name for path in tmp_path.rglob("*") if path.suffix == ".part"}
    assert not left
