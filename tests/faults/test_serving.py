"""Bad and good requests mixed for minutes, and exports that are killed."""

import os
import pathlib
import random
import subprocess
import sys
import time

import grpc
import kill_at
import numpy as np
import pytest
from c_session import CSession, library, tensors_of
from model_server import ModelServer
from tensorflow_serving.apis import prediction_service_pb2_grpc
from test_bad_requests import REFUSED, Wrong, ask, resident

from rstg_tf.data.shards.sequence_example import encode_image

pytestmark = pytest.mark.slow

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
SECONDS = float(os.environ.get("RSTG_TF_FAULTS_SECONDS", 600))
KILLS = int(os.environ.get("RSTG_TF_FAULTS_KILLS", 30))
MEMORY = 64  # MiB that may come on top in the second half.


def export_command(run, output):
    return [sys.executable, "exports/export.py", str(run), f"--output={output}", "--size=32"]


def exported_by_command(run, output):
    command = export_command(run, output)
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return output / run.name


def test_good_requests_are_answered_alike_among_bad_ones(run, tmp_path, counted):
    rng = np.random.default_rng(0)
    folder = exported_by_command(run, tmp_path)
    limits = [("grpc.max_send_message_length", 2**28)]
    with (
        ModelServer(folder) as server,
        grpc.insecure_channel(server.grpc_address, limits) as channel,
    ):
        stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)

        def request(signature, inputs):
            return ask(stub, signature, inputs, folder.name)

        state = request("init_states", {"rows": np.zeros(1, np.int64)})
        clips = rng.integers(0, 256, (1, 4, 32, 32, 3), np.uint8)
        images = np.array([[encode_image(frame, 90) for frame in clips[0]]], object)
        good = [
            ("classify", {"clips": clips}),
            ("predict_frames", {"frames": images}),
            ("step", {"frames": clips[:, 0], **state}),
        ]
        expected = [request(*one) for one in good]
        wrong = Wrong(state)
        # Of its own model: 64 frames are its tiny limit, not this one's.
        kinds = [
            kind
            for kind in wrong.kinds
            if kind.__name__ not in ("make_clips_of_wrong_length", "make_too_many_encoded_frames")
        ]
        counts = {"good": 0, "bad": 0, "not_alike": 0, "not_refused": 0}
        memory, begun = [], time.monotonic()
        while (passed := time.monotonic() - begun) < SECONDS:
            signature, inputs, _ = kinds[counts["bad"] % len(kinds)]()
            try:
                request(signature, inputs)
                counts["not_refused"] += 1
            except grpc.RpcError as error:
                counts["not_refused"] += error.code() not in REFUSED
            counts["bad"] += 1
            number = counts["good"] % len(good)
            found = request(*good[number])
            counts["not_alike"] += not all(
                np.array_equal(value, expected[number][name]) for name, value in found.items()
            )
            counts["good"] += 1
            memory.append((passed, resident()))
    # The first tenth warms up.
    first, second = (
        max(size for at, size in memory if low <= at / SECONDS < high)
        for low, high in ((0.1, 0.5), (0.5, 1.0))
    )
    counted(
        f"serving for {SECONDS / 60:g} minutes, bad and good requests in turn",
        **counts, MiB_more_in_the_second_half=max(0, round(second - first)),
    )  # fmt: skip
    assert not counts["not_alike"] and not counts["not_refused"]
    assert second < first + MEMORY


@pytest.mark.skipif(not kill_at.available(), reason="needs Linux with gcc")
def test_killed_exports_leave_whole_versions_only(run, tmp_path, counted):
    models = tmp_path / "models"
    folder = exported_by_command(run, models)
    clips = np.random.default_rng(1).integers(0, 256, (1, 4, 32, 32, 3), np.uint8)

    def asked(version):
        return CSession(version, tensors_of(version), library()).run("classify", {"clips": clips})

    expected = asked(folder / "1")["logits"]
    operations, done = kill_at.count_operations(
        export_command(run, models), tmp_path, cwd=REPOSITORY
    )
    assert done.returncode == 0, done.stderr
    chosen = random.Random(0)
    counts = {"kills": 0, "whole_versions": 0, "damaged_versions": 0}
    for _ in range(KILLS):
        killed, _ = kill_at.kill_at(
            chosen.randint(1, operations), export_command(run, models), tmp_path, cwd=REPOSITORY
        )
        counts["kills"] += killed
        versions = [path for path in folder.iterdir() if path.name.isdigit()]
        for version in versions:
            try:
                alike = np.array_equal(asked(version)["logits"], expected)
            except Exception:
                alike = False
            counts["whole_versions" if alike else "damaged_versions"] += 1
    exported_by_command(run, models)
    left = [path.name for path in folder.iterdir() if not path.name.isdigit()]
    counted("kills of an export at random file operations", **counts, parts_left=len(left))
    assert counts["kills"] >= KILLS * 0.9 and not counts["damaged_versions"] and not left
