"""What commands say of folders as people have them, on terminals as they are."""

import json
import os
import pathlib
import subprocess
import sys

import pytest
from video_files import frames_of, write_video

from rstg_tf.data.videos.sources import list_videos

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]


@pytest.fixture
def source(tmp_path):
    """Two videos, three whose names are odd, one that is damaged, and what lies beside them."""
    folder = tmp_path / "videos"
    video = write_video(folder / "push" / "1.mp4", frames_of(4)).read_bytes()
    for name in (b"2.MP4", b"caf\xe9.mp4", "日本 $x$.mp4".encode(), b"\x1b[2J.mp4"):
        path = pathlib.Path(os.fsdecode(bytes(folder / "pull" / "x").removesuffix(b"x") + name))
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(video)
    (folder / "pull" / "broken.mp4").write_bytes(b"no video")
    (folder / "pull" / "._2.MP4").write_bytes(b"\0\5\26\7")
    (folder / "push" / "notes.txt").write_text("")
    return folder


def run(command, *flags, encoding):
    done = subprocess.run(
        [sys.executable, REPOSITORY / "pipelines" / command, *map(str, flags)],
        capture_output=True,
        env=os.environ | {"PYTHONIOENCODING": encoding, "TF_CPP_MIN_LOG_LEVEL": "3"},
        check=False,
    )
    assert b"\x1b[2J" not in done.stdout + done.stderr
    assert b"Traceback" not in done.stderr, done.stderr
    return done.returncode, done.stdout.decode(), done.stderr.decode()


def test_shards_of_such_a_folder_and_beside_its_videos(source):
    flags = [f"--source={source}", f"--output={source}", "--split=Training"]
    code, printed, errors = run("make_shards.py", *flags, encoding="ascii")
    assert code == 0, errors
    assert "5 videos of 2 classes" in printed
    assert "4 videos, 1 left out (failures.csv)" in printed
    assert r"left out: 1 .mp4 (pull/caf\xe9.mp4)" in errors
    assert "note: left out: 1 .txt (push/notes.txt)" in errors
    assert list(json.loads((source / "dataset_info.json").read_text())["splits"]) == ["train"]
    again = list_videos(source, "train")  # What was written there is none of its data.
    assert len(again.videos) == 5
    assert not [note for note in again.notes if "tfrecord" in note or "csv" in note]


def test_predictions_of_such_a_folder(source):
    flags = ["interactions_rstg", source, "--top=1"]
    code, printed, errors = run("predict.py", *flags, encoding="utf-8:strict")
    assert code == 2
    assert [line.split("/")[-1] for line in printed.splitlines()[::2]] == [
        r"\x1b[2J.mp4 (4 frames)",
        "2.MP4 (4 frames)",
        r"caf\xe9.mp4 (4 frames)",
        "日本 $x$.mp4 (4 frames)",
        "1.mp4 (4 frames)",
    ]
    note, error, summary = errors.splitlines()
    assert note.endswith("notes.txt)")
    assert "broken.mp4" in error
    assert summary == "1 of 6 videos could not be read"


def test_predictions_as_json_and_drawn_inside_the_folder(source):
    (source / "pull" / "broken.mp4").unlink()
    flags = ["interactions_mean", source, "--format=json", f"--annotate={source / 'drawn'}"]
    write_video(source / "drawn" / "before.mp4", frames_of(4))  # By an earlier run.
    code, printed, errors = run("predict.py", *flags, encoding="ascii")
    assert code == 0, errors
    names = [json.loads(line)["video"].split("/")[-1] for line in printed.splitlines()]
    assert names == ["\x1b[2J.mp4", "2.MP4", r"caf\xe9.mp4", "日本 $x$.mp4", "1.mp4"]
    assert len(list((source / "drawn").iterdir())) == 6
