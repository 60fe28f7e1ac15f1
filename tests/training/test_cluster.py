"""TF_CONFIG is named by its part, and a worker whose peers never come says for whom it waits."""

import json
import os
import pathlib
import signal
import socket
import subprocess
import sys
import time

import pytest
import tensorflow as tf
from tiny import as_flag

from rstg_tf.training.cluster import WorkerLost, read_cluster, told_of_lost_workers

TRAIN = pathlib.Path(__file__).parents[2] / "pipelines" / "train.py"


def config(workers=("a:1", "b:2"), **task):
    return {
        "cluster": {"worker": list(workers)},
        "task": {"type": "worker", "index": 0, **task},
    }


def test_reads_what_is_right():
    text = json.dumps(config(["a:1", "[::1]:65535"], index=1))
    assert read_cluster(text) == (["a:1", "[::1]:65535"], 1)


@pytest.mark.parametrize(
    "content, message",
    [
        ("{", "must be JSON"),
        ("[" * 100_000, "nested too deep"),
        ([], "must be dict, not list"),
        (config(index="0"), r"task\.index must be int, not str"),
        (config(index=True), r"task\.index must be int, not bool"),
        (config(index=2), r"task\.index must be a number from 0 to 1.*index=2"),
        (config(index=-1), r"task\.index must be a number from 0 to 1"),
        (config(type="chief"), r"task\.type must be .worker.*'chief'"),
        ({**config(), "task": {"index": 0}}, r"task lacks 'type'"),
        ({**config(), "task": None}, "task must be dict"),
        ({**config(), "cluster": []}, "cluster must be dict"),
        ({**config(), "cluster": {"worker": "a:1"}}, r"cluster\.worker must be list"),
        ({**config(), "cluster": {"worker": ["a:1"], "ps": ["b:1"]}}, r"workers only.*'ps'"),
        ({**config(), "rpc_layer": "tcp"}, "rpc_layer must be"),
        (config([]), "one worker or more"),
        (config(["a"]), r"worker\[0\] must be an address"),
        (config(["http://a:1"]), r"worker\[0\] must be an address"),
        (config(["a:1", 2]), r"worker\[1\] must be str"),
        (config(["a:1", "b:0"]), r"worker\[1\] must have a port"),
        (config(["a:65536"]), "a port from 1 to 65535"),
        (config(["a:1", "a:1"]), r"worker\[1\] must differ from cluster\.worker\[0\]"),
    ],
)
def test_names_the_part_that_is_wrong(content, message):
    with pytest.raises(ValueError, match=f"TF_CONFIG.*{message}|{message}.*TF_CONFIG"):
        read_cluster(content if isinstance(content, str) else json.dumps(content))


@pytest.mark.parametrize(
    "absent, index, number",
    [("no.such.host.invalid:2222", 1, signal.SIGINT), ("localhost:1", 0, signal.SIGTERM)],
)
def test_a_worker_alone_says_for_whom_it_waits_and_ends_on_signals(absent, index, number, tmp_path):
    with socket.socket() as listener:
        listener.bind(("localhost", 0))
        mine = f"localhost:{listener.getsockname()[1]}"
    workers = [mine, absent] if index == 0 else [absent, mine]
    environment = {**os.environ, "TF_CONFIG": json.dumps(config(workers, index=index))}
    command = [sys.executable, TRAIN, "--strategy=multi_worker_mirrored", f"--output={tmp_path}/r"]
    with subprocess.Popen(
        command, env=environment, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True
    ) as process:
        told = process.stderr.readline()
        assert f"waiting for worker {1 - index} at {absent} (" in told
        process.send_signal(number)
        _, errors = process.communicate(timeout=30)
    assert process.returncode == 128 + number
    assert errors.strip().startswith("interrupted; the same command resumes")


@pytest.mark.parametrize(
    "message, who",
    [
        ("Collective ops is aborted by: Task /job:worker/task:1 heartbeat timeout", "Worker 1"),
        (
            "Collective ops is aborted by: Connection reset by peer\n"
            "from remote target /job:worker/replica:0/task:0 while calling",
            "Worker 0",
        ),
        ("Collective ops is aborted by: whatever", "Another worker"),
    ],
)
def test_a_lost_worker_is_named(message, who):
    told = pytest.raises(WorkerLost, match=rf"^{who} ended or can't be .*Received: runs/a$")
    with told, told_of_lost_workers("runs/a"):
        raise tf.errors.UnavailableError(None, None, message)


def test_other_errors_are_not_of_workers():
    with pytest.raises(tf.errors.UnavailableError), told_of_lost_workers("runs/a"):
        raise tf.errors.UnavailableError(None, None, "s3: Connection reset by peer")


@pytest.mark.slow
@pytest.mark.parametrize("killed", [0, 1])
def test_who_is_left_when_a_worker_is_killed_ends_in_one_line(killed, tmp_path):
    with socket.socket() as one, socket.socket() as other:
        for listener in (one, other):
            listener.bind(("localhost", 0))
        workers = [f"localhost:{listener.getsockname()[1]}" for listener in (one, other)]
    overrides = as_flag({"trainer": {"train_steps": 100_000, "validation_interval": 100_000}})
    command = [sys.executable, TRAIN, "--strategy=multi_worker_mirrored", f"--output={tmp_path}/r"]
    started = [
        subprocess.Popen(
            [*command, f"--params-override={overrides}"],
            env={**os.environ, "TF_CONFIG": json.dumps(config(workers, index=index))},
            stderr=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            text=True,
        )
        for index in range(2)
    ]
    try:
        while not [*tmp_path.glob("r/checkpoints/last/*.index")]:
            assert [process.poll() for process in started] == [None, None]
            time.sleep(0.2)
        started[killed].kill()
        errors = started[1 - killed].communicate(timeout=120)[1]
    finally:
        for process in started:
            process.kill()
            process.communicate()
    assert started[1 - killed].returncode == 2, errors
    assert f"error: Worker {killed} ended or can't be reached" in errors
    assert "Traceback" not in errors
