import socket
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from closeness import assert_close
from video_files import frames_of, write_video

from rstg_tf.data.shards.sequence_example import encode_image
from rstg_tf.prediction import Predictor
from rstg_tf.serving import Client
from rstg_tf.serving.errors import RequestRefused, ServerTimeout, ServerUnavailable

ROOT = Path(__file__).parents[2]


@pytest.fixture(params=["grpc", "rest"])
def client(request, server):
    with Client("tiny", getattr(server, f"{request.param}_address"), jpeg_quality=None) as made:
        yield made
    server.unavailable = server.delay = 0


@pytest.fixture(scope="module")
def video(tmp_path_factory):
    return write_video(tmp_path_factory.mktemp("videos") / "one.mp4", frames_of(9, 48, 64))


def test_pixels_and_encoded_frames_are_answered_alike(client, subject, clips):
    expected = subject.model(clips)
    for k, answer in enumerate(client.classify_clips(clips)):
        assert_close(answer.logits, expected["logits"][k])
        assert_close(answer.probabilities, expected["probabilities"][k])
        best = int(np.argmax(expected["probabilities"][k]))
        assert answer.classes[0] == (
            subject.class_names[best],
            pytest.approx(answer.probabilities[best]),
        )
        assert len(answer.classes) == 2
    bordered = np.pad(clips[0], ((0, 0), (4, 4), (4, 4), (0, 0)))
    for frames in (bordered, [encode_image(frame) for frame in bordered]):
        answer = client.classify_frames(frames)
        assert_close(answer.logits, expected["logits"][0])


def test_videos_are_seen_as_the_predictor_sees_them(client, subject, video):
    predictor = Predictor(subject, frames=4, size=32, short_side=40)
    expected = dict(predictor(video).classes)
    for name, probability in client.classify_video(video).classes:
        assert probability == pytest.approx(expected[name], abs=1e-4)


def test_stream_answers_each_frame_and_ends_at_the_clips_result(client, subject, clips):
    bordered = np.pad(clips[0], ((0, 0), (4, 4), (4, 4), (0, 0)))
    answers = list(client.stream(iter(bordered)))
    assert len(answers) == len(bordered)
    expected = subject.model(clips[:1])["logits"][0]
    assert_close(answers[-1].logits, expected)


def test_server_is_described(client, subject):
    assert client.states() == {1: "AVAILABLE"}
    found = client.description()
    assert (found["frames"], found["size"], found["sampling"]) == (4, 32, "uniform")
    assert found["labels"] == subject.class_names


@pytest.mark.parametrize("protocol", ["grpc", "rest"])
def test_versions_are_asked_by_number_or_label(server, protocol, clips):
    address = getattr(server, f"{protocol}_address")
    for asked in ({"version": 1}, {"label": "stable"}):
        with Client("tiny", address, **asked) as client:
            assert len(client.classify_clips(clips)) == 2
    for asked, message in (({"version": 2}, "NOT_FOUND"), ({"label": "canary"}, "canary")):
        client = Client("tiny", address, **asked)
        with client, pytest.raises(RequestRefused, match=message):
            client.classify_clips(clips)
    with pytest.raises(ValueError, match="by number or by label"):
        Client("tiny", address, version=1, label="stable")


def test_requests_are_repeated_while_the_server_is_not_ready(client, server, clips):
    server.unavailable = 3
    before = server.requests
    assert client.states() == {1: "AVAILABLE"}
    assert server.requests == before + 4
    server.unavailable = 100
    client._retries = 1
    with pytest.raises(ServerUnavailable, match="not ready yet"):
        client.states()


def test_a_slow_server_is_not_waited_for(client, server, clips):
    client._timeout = 0.2
    server.delay = 0.6
    start = time.monotonic()
    with pytest.raises(ServerTimeout, match=r"did not answer in 0\.2 s"):
        client.states()
    assert time.monotonic() - start < 5
    server.delay = 0
    time.sleep(0.6)


@pytest.mark.parametrize("scheme", ["", "http://"])
def test_where_no_server_is_that_is_said(scheme):
    with socket.socket() as free:
        free.bind(("localhost", 0))
        address = f"{scheme}localhost:{free.getsockname()[1]}"
    with (
        Client("tiny", address, retries=1) as client,
        pytest.raises(ServerUnavailable, match=f"No server answers. Received: {address}"),
    ):
        client.states()


def test_wrong_inputs_are_named_before_they_are_sent(client, server, clips):
    client.states(), client.description()
    before = server.requests
    for wrong, message in (
        ({"clips": clips.astype(np.float32)}, "clips must be uint8 .* Received: float32"),
        ({"clips": clips[0]}, r"clips must be .* Received: uint8 of shape \(4, 32, 32, 3\)"),
        ({"frames": clips}, r"takes the inputs \['clips'\]. Received: \['frames'\]"),
    ):
        with pytest.raises(ValueError, match=message):
            client.predict("classify", **wrong)
    with pytest.raises(ValueError, match="Received: 'classyfy'"):
        client.predict("classyfy", clips=clips)
    assert server.requests == before
    with pytest.raises(RequestRefused, match=r"INVALID_ARGUMENT.*frames must be .* 2 to 64"):
        client.classify_frames([encode_image(clips[0, 0])])


def test_command_classifies_and_streams(server, subject, video, tmp_path):
    (tmp_path / "broken.mp4").write_bytes(b"no video at all")
    command = [sys.executable, "exports/client.py", "tiny", f"--address={server.grpc_address}"]
    done = subprocess.run(
        [*command, str(video), str(tmp_path / "broken.mp4"), "--stream"],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 2
    assert done.stderr.startswith("error: The video can't be decoded")
    lines = done.stdout.splitlines()
    answers = [line for line in lines if line.startswith("frame ")]
    assert len(answers) == 9
    assert any(name in answers[-1] for name in subject.class_names)


@pytest.mark.parametrize("stream", [[], ["--stream"]])
def test_command_takes_the_limits_of_videos(server, video, stream):
    command = [sys.executable, "exports/client.py", "tiny", f"--address={server.grpc_address}"]
    done = subprocess.run(
        [*command, str(video), "--limit=frames=8", *stream],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 2 and "more than 8 frames" in done.stderr
