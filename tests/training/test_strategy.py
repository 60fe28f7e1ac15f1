"""Strategies: the same training on one device, two devices and two workers."""

import json
import os
import pathlib
import socket
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf
from closeness import FORWARD, assert_all_close, assert_close
from tiny import as_flag, checkpoint_values

from rstg_tf.experiments.config import Runtime
from rstg_tf.training.strategy import get_strategy

ROOT = pathlib.Path(__file__).parents[2]
# 5 clips to validate on leave one for the last batch: less than there are devices.
OVERRIDES = {
    "validation_data": {"num_examples": 5},
    # Adam would make whole steps of gradients that are nothing but rounding.
    "trainer": {
        "train_steps": 3,
        "checkpoint_interval": 3,
        "optimizer_config": {
            "optimizer": {"type": "sgd_experimental"},
            "learning_rate": {"cosine": {"initial_learning_rate": 0.05}},
            "warmup": {"linear": {"warmup_steps": 1}},
        },
    },
}


def start(output, *flags, tf_config=None):
    command = [
        sys.executable,
        str(ROOT / "pipelines" / "train.py"),
        f"--output={output}",
        f"--params-override={as_flag(OVERRIDES)}",
        *flags,
    ]
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}
    if tf_config:
        environment["TF_CONFIG"] = json.dumps(tf_config)
    return subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )


def finish(process):
    output, _ = process.communicate(timeout=1200)
    assert process.returncode == 0, output


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """The same training in three ways."""
    root = tmp_path_factory.mktemp("strategies")
    processes = [
        start(root / "one", "--strategy=one_device"),
        start(root / "two", "--strategy=mirrored", "--virtual-devices=2"),
    ]
    for process in processes:
        finish(process)
    hosts = [f"localhost:{free_port()}" for _ in range(2)]
    workers = [
        start(
            root / "workers",
            "--strategy=multi_worker_mirrored",
            tf_config={"cluster": {"worker": hosts}, "task": {"type": "worker", "index": i}},
        )
        for i in range(2)
    ]
    for process in workers:
        finish(process)
    return root


def free_port():
    with socket.socket() as listener:
        listener.bind(("localhost", 0))
        return listener.getsockname()[1]


@pytest.mark.parametrize("other", ["two", "workers"])
def test_same_loss_and_weights_as_one_device(runs, other):
    logs = [
        np.genfromtxt(runs / name / "log.csv", delimiter=",", names=True) for name in ("one", other)
    ]
    for column in ("loss", "val_loss"):
        assert_close(logs[1][column], logs[0][column], name=column)
    for column in ("accuracy", "val_accuracy"):
        np.testing.assert_array_equal(logs[1][column], logs[0][column], column)
    for which in ("last", "best"):
        expected, found = (
            checkpoint_values(runs / name / "checkpoints" / which) for name in ("one", other)
        )
        assert expected.keys() == found.keys()
        names = [
            name for name, value in expected.items() if np.issubdtype(value.dtype, np.floating)
        ]
        for name in expected.keys() - set(names):
            np.testing.assert_array_equal(found[name], expected[name], name)
        pairs = ([values[name] for name in names] for values in (found, expected))
        assert_all_close(*pairs, FORWARD, names)


def test_workers_that_do_not_share_the_folder_are_told(runs, tmp_path):
    hosts = [f"localhost:{free_port()}" for _ in range(2)]
    workers = [
        start(
            output,
            "--strategy=multi_worker_mirrored",
            tf_config={"cluster": {"worker": hosts}, "task": {"type": "worker", "index": i}},
        )
        for i, output in enumerate((runs / "workers", tmp_path / "own"))
    ]
    for process in workers:
        output, _ = process.communicate(timeout=1200)
        assert process.returncode == 2, output
        assert "share" in output and "of the steps [3, 0]" in output, output


def test_workers_leave_one_run(runs):
    assert sorted(p.name for p in (runs / "workers" / "checkpoints").iterdir()) == ["best", "last"]
    assert len(list((runs / "workers" / "tensorboard").iterdir())) == 1


@pytest.mark.parametrize(
    "settings, message",
    [
        ({"distribution_strategy": "horovod"}, "'one_device', 'mirrored'.*'horovod'"),
        ({"distribution_strategy": "parameter_server"}, "use multi_worker_mirrored"),
        ({"distribution_strategy": "multi_worker_mirrored"}, "TF_CONFIG, such as.*Received"),
        ({"distribution_strategy": "tpu", "tpu": "local"}, "No TPU answers.*tpu='local'"),
        ({"distribution_strategy": "mirrored", "num_gpus": 64}, "GPU.*num_gpus=64"),
        (
            {"distribution_strategy": "one_device", "virtual_devices": 2},
            "Only the strategy mirrored.*virtual_devices=2",
        ),
        (
            {"distribution_strategy": "mirrored", "virtual_devices": 3},
            "before TensorFlow's first operation.*virtual_devices=3",
        ),
    ],
)
def test_refuses_what_the_machine_can_not_give(settings, message):
    tf.config.list_logical_devices()  # From here on devices are as they are.
    with pytest.raises(ValueError, match=message):
        get_strategy(Runtime(**settings))


def test_damaged_cluster(monkeypatch):
    runtime = Runtime(distribution_strategy="multi_worker_mirrored")
    for text in ("{", "{}", '{"cluster": {"worker": []}, "task": {"index": 0}}'):
        monkeypatch.setenv("TF_CONFIG", text)
        with pytest.raises(ValueError, match="TF_CONFIG"):
            get_strategy(runtime)
    cluster = {"chief": ["a:1"], "worker": ["b:1"]}
    text = json.dumps({"cluster": cluster, "task": {"type": "chief", "index": 0}})
    monkeypatch.setenv("TF_CONFIG", text)
    with pytest.raises(ValueError, match=r"workers only.*\['chief', 'worker'\]"):
        get_strategy(runtime)


def test_every_strategy_of_one_process():
    for name in ("one_device", "mirrored"):
        assert get_strategy(Runtime(distribution_strategy=name)).num_replicas_in_sync == 1
