"""The command line of training: what it prints and how it refuses."""

import importlib
import pathlib
import subprocess
import sys

import pytest

PIPELINES = pathlib.Path(__file__).parents[2] / "pipelines"


@pytest.fixture
def command(monkeypatch):
    monkeypatch.syspath_prepend(str(PIPELINES))
    yield importlib.import_module("train").main
    for name in ("train", "_startup"):
        sys.modules.pop(name, None)


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
        (["--params_override=trainer.train_step=5"], "trainer.train_steps"),
        (["--strategy=multi_worker_mirrored"], "TF_CONFIG"),
        (["--strategy=horovod"], "one_device"),
        (["--data=/nowhere"], "/nowhere"),
        (["--config_file=/nowhere.yaml"], "/nowhere.yaml"),
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
            "--size=paper",
            "--strategy=mirrored",
            "--virtual_devices=2",
            "--data=/shards",
            f"--config_file={file}",
            "--params_override=model.dropout=0.5",
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
