"""Shards on S3: a real server of the protocol, in a process of its own, that fails now and then."""

import http.client
import http.server
import json
import os
import pathlib
import socket
import subprocess
import sys
import threading
import time

import pytest
import whole_videos

ROOT = pathlib.Path(__file__).parents[2]
TINY = (
    "model.backbone.simple_conv.filters=[4,8,8],model.head.rstg.node_dim=8,"
    "model.head.rstg.message_dim=8,model.head.rstg.iterations=1,model.head.rstg.scales=[2,1],"
    "train_data.global_batch_size=4,validation_data.global_batch_size=4,"
    "train_data.clips.size=32,train_data.clips.short_side=36,train_data.clips.frames=4,"
    "validation_data.clips.size=32,validation_data.clips.short_side=36,"
    "validation_data.clips.frames=4,trainer.train_steps=4,trainer.checkpoint_interval=2,"
    "trainer.validation_interval=4"
)


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


class Proxy(http.server.BaseHTTPRequestHandler):
    """Hands requests on to the server; every `fail_every`-th is answered by 503."""

    protocol_version = "HTTP/1.1"
    upstream = fail_every = None
    count = failed = 0

    def do_GET(self):
        Proxy.count += 1
        if Proxy.fail_every and Proxy.count % Proxy.fail_every == 0:
            Proxy.failed += 1
            self.answer(503, {}, b"<Error><Code>ServiceUnavailable</Code></Error>")
            return
        connection = http.client.HTTPConnection("127.0.0.1", Proxy.upstream)
        connection.request(self.command, self.path, headers=dict(self.headers))
        response = connection.getresponse()
        self.answer(response.status, dict(response.getheaders()), response.read())

    do_HEAD = do_GET

    def answer(self, status, headers, body):
        self.send_response(status)
        for name, value in headers.items():
            if name.lower() not in ("content-length", "connection", "transfer-encoding"):
                self.send_header(name, value)
        if self.command == "HEAD":
            self.send_header("Content-Length", headers.get("Content-Length", "0"))
        else:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, *_):
        """Nothing."""


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """Environment for a bucket with shards in it, behind the proxy."""
    boto3 = pytest.importorskip("boto3")
    port, folder = free_port(), tmp_path_factory.mktemp("shards")
    moto = subprocess.Popen(
        [sys.executable, "-m", "moto.server", "-p", str(port)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    for split in ("train", "validation", "test"):
        whole_videos.write_videos(folder, split, count=8, shards=2, classes=2)
    credentials = {
        "AWS_ACCESS_KEY_ID": "x",
        "AWS_SECRET_ACCESS_KEY": "y",
        "AWS_REGION": "us-east-1",
    }
    client = boto3.client(
        "s3",
        endpoint_url=f"http://127.0.0.1:{port}",
        aws_access_key_id="x",
        aws_secret_access_key="y",
        region_name="us-east-1",
    )
    for _ in range(200):
        try:
            client.create_bucket(Bucket="videos")
            break
        except Exception:  # It is not up yet.
            assert moto.poll() is None
            time.sleep(0.1)
    for path in folder.iterdir():
        client.upload_file(str(path), "videos", f"sets/whole/{path.name}")
    proxy = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Proxy)
    Proxy.upstream = port
    threading.Thread(target=proxy.serve_forever, daemon=True).start()
    endpoint = f"http://127.0.0.1:{proxy.server_address[1]}"
    yield (
        {**os.environ, **credentials, "S3_ENDPOINT": endpoint, "TF_CPP_MIN_LOG_LEVEL": "3"},
        folder,
    )
    proxy.shutdown()
    moto.terminate()
    moto.wait()


@pytest.fixture(autouse=True)
def steady():
    Proxy.fail_every, Proxy.failed = None, 0
    yield
    Proxy.fail_every = None


def run(environment, *arguments, cwd=ROOT):
    return subprocess.run(
        [sys.executable, *map(str, arguments)],
        env=environment,
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=600,
    )


def test_training_from_a_server_that_fails_now_and_then(server, tmp_path):
    environment, _ = server
    Proxy.fail_every = 5
    done = run(
        environment,
        ROOT / "pipelines/train.py",
        "--data=s3://videos/sets/whole",
        f"--output={tmp_path / 'run'}",
        f"--params-override={TINY}",
    )
    assert done.returncode == 0, done.stderr
    assert json.loads((tmp_path / "run" / "summary.json").read_text())["steps"] == 4
    assert Proxy.failed


_READ = """
import sys
import numpy as np
from rstg_tf.data.pipeline.clips import Clips
from rstg_tf.data.input import evaluation_dataset
from rstg_tf.data.shards.source import Shards
read = [
    np.concatenate([clips for clips, _ in evaluation_dataset(Shards(path, "test", Clips()), 3)])
    for path in sys.argv[1:]
]
np.testing.assert_array_equal(*read)
print(len(read[0]))
for path in ("s3://videos/none", "s3://nobucket/sets"):
    try:
        Shards(path, "test")
    except OSError as error:
        print(type(error).__name__, error)
sys.exit(7)
"""


def test_same_clips_as_from_local_files_and_the_exit_status_is_kept(server):
    environment, folder = server
    done = run(environment, "-c", _READ, folder, "s3://videos/sets/whole")
    assert done.returncode == 7, done.stderr
    missing = "FileNotFoundError There is no folder of shards. Received: s3://"
    assert done.stdout == f"8\n{missing}videos/none\n{missing}nobucket/sets\n"


_DOWN = """
import os
from rstg_tf.data.shards.source import Shards
endpoint = os.environ["S3_ENDPOINT"]
for os.environ["S3_ENDPOINT"] in ("localhost:1", endpoint):
    try:
        Shards("s3://videos/sets/whole", "test")
    except (ValueError, OSError) as error:
        print(error)
"""


@pytest.mark.slow  # It is tried again for some seconds.
def test_a_server_that_is_down_and_a_bad_endpoint_are_named(server):
    environment, _ = server
    Proxy.fail_every = 1
    done = run(environment, "-c", _DOWN)
    assert done.returncode == 0, done.stderr
    endpoint, down = done.stdout.splitlines()
    assert endpoint.startswith("S3_ENDPOINT must be a URL such as http://")
    assert endpoint.endswith("Received: S3_ENDPOINT='localhost:1'")
    assert down.startswith("S3 refused (") and "ServiceUnavailable" in down
    assert down.endswith("s3://videos/sets/whole")
    assert Proxy.failed > 3  # It was asked again and again.
