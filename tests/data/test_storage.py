"""Shards from and to S3, against a server of its protocol in another process."""

import errno
import http.server
import json
import os
import pathlib
import re
import socket
import subprocess
import sys
import tempfile
import threading
import time

import pytest
import something_something as mini
from video_files import frames_of, write_video

from rstg_tf.data import storage
from rstg_tf.data.shards.inspection import ContactSheet, inspect_shards
from rstg_tf.data.videos.making import make_shards
from rstg_tf.data.videos.sources import list_videos

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def s3():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = subprocess.Popen(
        [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    variables = {
        "AWS_ACCESS_KEY_ID": "key",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_DEFAULT_REGION": "us-east-1",
        "S3_ENDPOINT": f"http://127.0.0.1:{port}",
    }
    with pytest.MonkeyPatch.context() as patch:
        for name, value in variables.items():
            patch.setenv(name, value)
        storage._s3_client.cache_clear()
        for _ in range(600):
            with socket.socket() as trial:
                if not trial.connect_ex(("127.0.0.1", port)):
                    break
            time.sleep(0.05)
        storage._s3_client().create_bucket(Bucket="bucket")
        yield "s3://bucket"
    storage._s3_client.cache_clear()
    server.kill()
    server.wait()


def upload(folder, url):
    for path in folder.rglob("*"):
        if path.is_file():
            with storage.written_whole(f"{url}/{path.relative_to(folder)}") as part:
                part.write_bytes(path.read_bytes())


def run(name, *flags):
    return subprocess.run(
        [sys.executable, REPOSITORY / "pipelines" / name, *map(str, flags)],
        capture_output=True,
        text=True,
        env=os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3"},
    )


def test_files(s3, tmp_path):
    for folder in (s3 + "/files", str(tmp_path / "files")):
        for name in ("a/1.txt", "a/deep/2.txt", "ab/3.txt"):
            with storage.written_whole(storage.join(folder, name)) as part:
                part.write_text(name)
        assert storage.list_files(folder) == ["a/1.txt", "a/deep/2.txt", "ab/3.txt"]
        assert storage.list_files(storage.join(folder, "a"), below=False) == ["1.txt"]
        path = storage.join(folder, "a", "1.txt")
        assert (storage.read(path), storage.size(path)) == (b"a/1.txt", 7)
        with storage.local_copy(path) as copy:
            assert copy.read_text() == "a/1.txt"
        with pytest.raises(RuntimeError), storage.written_whole(path) as part:
            part.write_text("half")
            raise RuntimeError
        assert storage.read(path) == b"a/1.txt"
        storage.remove_folder(storage.join(folder, "a"))
        assert storage.list_files(folder) == ["ab/3.txt"]
        assert storage.size(path) is None
        with pytest.raises(FileNotFoundError, match=re.escape(path)):
            storage.read(path)
    with pytest.raises(OSError, match=r"S3 refused .*NoSuchBucket.*s3://none/x"):
        storage.list_files("s3://none/x")


def without_checksums_of_videos(info):
    """Those of S3 are of lengths only, so that nothing is read twice; so is that of the whole."""
    info = json.loads(info)
    for split in info["splits"].values():
        for shard in split["shards"]:
            assert len(shard.pop("videos_sha256")) == 64
    return {key: value for key, value in info.items() if key != "sha256"}


def test_shards_from_and_to_s3_are_the_local_ones(s3, tmp_path):
    source = mini.write_v2(tmp_path / "source", short_names=True)
    videos = source / "20bn-something-something-v2"
    (videos / "9.webm").write_bytes(b"no video")
    upload(source, f"{s3}/source")
    make_shards(list_videos(source, "train"), tmp_path / "out")
    done = run("make_shards.py", f"--source={s3}/source", f"--output={s3}/out")
    assert done.returncode == 0, done.stderr  # And not by an abort at its end.
    names = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert storage.list_files(f"{s3}/out") == names  # No notes are left over.
    for name in names:
        there, here = storage.read(f"{s3}/out/{name}"), (tmp_path / "out" / name).read_bytes()
        if name == "dataset_info.json":
            there, here = map(without_checksums_of_videos, (there, here))
        assert there == here, name
    assert b"9.webm" in storage.read(f"{s3}/out/failures.csv")

    found = inspect_shards(f"{s3}/out", verify=True)
    assert (len(found.records), found.damages) == (3, [])
    path = storage.join(f"{s3}/out", "contact_sheet.png")
    ContactSheet(classes=3).write(path)
    assert storage.read(path).startswith(b"\x89PNG")


def test_what_is_no_data_is_none_on_s3(s3, tmp_path):
    for name in ("push/1.mp4", "push/._1.mp4", ".git/1.mp4", "__MACOSX/push/1.mp4", "@eaDir/x.mp4"):
        for folder in (f"{s3}/left", str(tmp_path / "left")):
            with storage.written_whole(f"{folder}/{name}") as part:
                part.write_bytes(b"")
    for folder in (f"{s3}/left", tmp_path / "left"):
        assert [video.path for video in list_videos(folder, "train").videos] == ["push/1.mp4"]
    for path, reason in (
        ("/etc/passwd", "leads out"),
        ("../1.mp4", "leads out"),
        ("s3://other/1.mp4", "--allow-outside"),
        ("https://host/1.mp4", "download it"),
    ):
        with storage.written_whole(f"{s3}/left.csv") as part:
            part.write_text(f"path,label\npush/1.mp4,a\n{s3}/left/push/1.mp4,a\n{path},a\n")
        with pytest.raises(ValueError, match=rf"Line 4 .*{reason}.*{s3}/left\.csv"):
            list_videos(f"{s3}/left.csv", "train")


def test_a_temporary_folder_that_can_not_be_written_to_is_told(s3, tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "missing"))
    told = pytest.raises(OSError, match=rf"TMPDIR names it\. Received: {s3}/file")
    with told, storage.written_whole(f"{s3}/file"):
        pass
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    told = pytest.raises(OSError, match=rf"is full \({s3}/file is on its way\): '{tmp_path}/")
    with told, storage.written_whole(f"{s3}/file"):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    assert not list(tmp_path.iterdir())


def test_image_folders_and_csv_files_on_s3(s3, tmp_path):
    upload(mini.write_v1(tmp_path / "v1"), f"{s3}/v1")
    make_shards(list_videos(f"{s3}/v1", "train"), tmp_path / "v1_out")
    assert len((tmp_path / "v1_out/failures.csv").read_text().splitlines()) == 1

    write_video(tmp_path / "csv/deep/1.mp4", frames_of(4))
    (tmp_path / "csv/train.csv").write_text("path,label\ndeep/1.mp4,walk\n")
    upload(tmp_path / "csv", f"{s3}/csv")
    for source in (f"{s3}/csv", f"{s3}/csv/train.csv"):
        listed = list_videos(source, "train")
        assert [video.path for video in listed.videos] == ["deep/1.mp4"]
    make_shards(listed, tmp_path / "csv_out")
    assert len((tmp_path / "csv_out/failures.csv").read_text().splitlines()) == 1


def test_a_server_that_is_not_there(monkeypatch):
    monkeypatch.setenv("S3_ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    storage._s3_client.cache_clear()
    with pytest.raises(OSError, match=r"can't be reached .*Received: s3://bucket/x"):
        storage.read("s3://bucket/x")
    storage._s3_client.cache_clear()


@pytest.fixture
def strange_s3(monkeypatch):
    """A server whose answers are no S3's: `(s3, headers, body)`; the test sets both."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            for name, value in Handler.headers_sent.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(Handler.body)

        do_HEAD = do_GET

        def log_message(self, *arguments):
            pass

    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        monkeypatch.setenv("S3_ENDPOINT", f"http://127.0.0.1:{server.server_port}")
        storage._s3_client.cache_clear()
        yield Handler
        server.shutdown()
    storage._s3_client.cache_clear()


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        (b"<html>no <b>xml", {}),
        (b"<ListBucketResult><Contents><Size>x</Size></Contents></ListBucketResult>", {}),
        (b"half", {"Content-Length": "1000"}),
    ],
)
def test_strange_answers_name_the_path(body, headers, strange_s3):
    strange_s3.body, strange_s3.headers_sent = body, headers
    with pytest.raises(OSError, match="s3://bucket/folder"):
        storage.list_files("s3://bucket/folder")
    if headers:
        with pytest.raises(OSError, match=r"Received: s3://bucket/file"):
            storage.read("s3://bucket/file")
        told = pytest.raises(OSError, match=r"Received: s3://bucket/file")
        with told, storage.local_copy("s3://bucket/file"):
            pass
    else:
        with pytest.raises(OSError, match=r"Received: s3://bucket/file"):
            storage.size("s3://bucket/file")


def test_a_video_of_the_same_length_is_another_one_on_s3(s3):
    found = []
    for content in (b"one", b"two", b"one"):
        with storage.written_whole(f"{s3}/replaced") as part:
            part.write_bytes(content)
        found.append(storage.fingerprint(f"{s3}/replaced"))
    assert found[0] == found[2] != found[1]
    assert storage.fingerprint(f"{s3}/nowhere") is None
