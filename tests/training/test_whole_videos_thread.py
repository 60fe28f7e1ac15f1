"""Videos stored whole through the command lines: train, be killed, go on, evaluate densely."""

import json
import os
import pathlib
import signal
import subprocess
import sys
import time

import pytest
import tensorflow as tf
import whole_videos
from tiny import as_flag, assert_same_checkpoint, checkpoint_values, tiny_experiment

from rstg_tf import experiments
from rstg_tf.cli import main
from rstg_tf.training import train

ROOT = pathlib.Path(__file__).parents[2]
CLIPS = {"frames": 4, "size": 32, "short_side": 36, "sampling": "random_offset"}
# 11 videos: checkpoints fall inside of epochs.
OVERRIDES = {
    "train_data": {"clips": CLIPS},
    "validation_data": {"clips": CLIPS, "num_examples": 0},
    "trainer": {"train_steps": 12, "checkpoint_interval": 4, "validation_interval": 12},
}


@pytest.fixture(scope="module")
def shards(tmp_path_factory):
    """Training videos of which one is damaged."""
    folder = tmp_path_factory.mktemp("videos")
    whole_videos.write_videos(folder, "train", count=11, shards=1, classes=5)
    whole_videos.write_videos(folder, "validation", count=5, shards=2, classes=5)
    whole_videos.write_videos(folder, "test", count=4, shards=1, classes=5)
    (path,) = folder.glob("*-train-*")
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0xFF
    path.write_bytes(content)
    return folder


def start(command, *flags):
    return subprocess.Popen(
        [sys.executable, str(ROOT / "pipelines" / command), *map(str, flags)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def finish(process):
    output, errors = process.communicate(timeout=1200)
    assert process.returncode == 0, errors
    return output, errors


@pytest.mark.slow
def test_killed_training_goes_on_inside_an_epoch(shards, tmp_path):
    flags = (
        f"--data={shards}",
        "--on-corrupt=skip",
        f"--output={tmp_path / 'killed'}",
        f"--params-override={as_flag(OVERRIDES)}",
    )
    killed = start("train.py", *flags)
    last = tmp_path / "killed" / "checkpoints" / "last"
    while not (last / "ckpt-4.index").exists():
        assert killed.poll() is None, killed.communicate()
        time.sleep(0.02)
    os.kill(killed.pid, signal.SIGKILL)
    killed.communicate()
    at = tf.train.latest_checkpoint(last)
    assert at is None or int(at.rpartition("-")[2]) < 12, "it was killed too late"
    again = start("train.py", *flags)

    data = {"input_path": str(shards), "on_corrupt": "skip"}
    config = tiny_experiment(overrides=OVERRIDES)
    experiments.apply_overrides(config, {"train_data": data, "validation_data": data})
    undisturbed = train(config, tmp_path / "undisturbed")
    _, errors = finish(again)
    assert f"skipped 1 damaged record(s)\n  {shards}" in errors
    summary = json.loads((tmp_path / "killed" / "summary.json").read_text())
    assert (summary["steps"], summary["skipped_records"]) == (12, 1)
    expected, found = checkpoint_values(undisturbed.last), checkpoint_values(last)
    assert_same_checkpoint(found, expected)


@pytest.fixture
def run_command():
    """Runs a command line in this process."""
    return lambda *arguments: main([*map(str, arguments)])


def test_commands_train_and_evaluate_densely(shards, tmp_path, run_command, capfd):
    run_command(
        "train",
        f"--params-override={as_flag(OVERRIDES)},trainer.train_steps=4,"
        f"train_data.input_path={shards},validation_data.input_path={shards}",
        "--on-corrupt=skip",
        f"--output={tmp_path / 'run'}",
    )
    assert f"skipped 1 damaged record(s)\n  {shards}" in capfd.readouterr().err
    evaluation = (tmp_path / "run", f"--data={shards}", "--eval=dense", "--batch-size=4")
    output = f"--output={tmp_path / 'figures'}"
    run_command("evaluate", *evaluation, "--split=train", "--on-corrupt=skip", output)
    assert "skipped 1 damaged record(s)" in capfd.readouterr().out
    metrics = json.loads((tmp_path / "figures" / "metrics.json").read_text())
    assert metrics["figures"]["num_clips"] == 10
    assert metrics["protocol"].startswith("dense: 11 crops of 36x36")
    assert not metrics["held_out"]
    with pytest.raises(SystemExit) as end:
        run_command("evaluate", *evaluation, "--split=train", output)
    assert end.value.code == 2
    error = capfd.readouterr().err.strip().splitlines()[-1]
    assert error.startswith("error: ") and ", record " in error and "missing or damaged" in error


@pytest.mark.parametrize("size", experiments.SIZES)
def test_classes_follow_the_shards_in_both_sizes(shards, size):
    config = experiments.get_experiment("rstg_res3_4", size)
    experiments.apply_overrides(
        config,
        f"train_data.input_path={shards},validation_data.input_path={shards},"
        "train_data.on_corrupt=skip",
    )
    experiments.check(config)
    source = experiments.build_source(config.train_data)
    expected = {"lite": (16, 64, 64, 3), "paper": (32, 224, 224, 3)}
    assert source.clip_shape == expected[size]
    assert source.clips.short_side == {"lite": 72, "paper": 256}[size]
    assert experiments.resolve(config, source).model.num_classes == 5
    config.model.num_classes = 7
    with pytest.raises(ValueError, match=r"must be the data's, 5.*num_classes=7"):
        experiments.resolve(config, source)


def test_training_and_validation_must_have_the_same_classes(shards, tmp_path):
    whole_videos.write_videos(tmp_path / "other", "validation", classes=3)
    config = tiny_experiment(overrides=OVERRIDES)
    config.train_data.input_path = str(shards)
    config.train_data.on_corrupt = "skip"
    config.validation_data.input_path = str(tmp_path / "other")
    with pytest.raises(ValueError, match=r"must have the same classes.*5 of videos, 3 of videos"):
        train(config, tmp_path / "run")
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("train_data.clips.sampling=random", "train_data.clips: sampling must be one of"),
        ("validation_data.clips.size=300", "validation_data.clips: short_side must be at least"),
        ("train_data.on_corrupt=ignore", "train_data.on_corrupt='ignore'"),
        ("train_data.clips.swap_labels=left", "Received: 'left'"),
    ],
)
def test_settings_of_clips_are_checked_at_start(override, message):
    config = experiments.apply_overrides(experiments.get_experiment("rstg_res3_4"), override)
    with pytest.raises(ValueError, match=message):
        experiments.check(config)
