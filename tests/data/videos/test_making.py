import csv
import io
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import something_something as mini
import tensorflow as tf
from official.vision.dataloaders import video_input
from PIL import Image, ImageOps
from video_files import frames_of, numbers, write_video

from rstg_tf.cli import main
from rstg_tf.data.shards.dataset_info import read_info, to_text
from rstg_tf.data.videos import shard_task
from rstg_tf.data.videos.beam import check_flags
from rstg_tf.data.videos.encoding import FrameFormat, encode_video
from rstg_tf.data.videos.making import make_shards
from rstg_tf.data.videos.sources import list_videos
from rstg_tf.data.videos.video_list import Video, VideoList

REPOSITORY = pathlib.Path(__file__).resolve().parents[3]
COUNT = 12


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    folder = tmp_path_factory.mktemp("folders")
    for number in range(COUNT):
        suffix = ("webm", "mp4", "avi")[number % 3]
        path = folder / "ab"[number % 2] / f"{number}.{suffix}"
        write_video(path, frames_of(4 + number % 3, seed=number))
    return folder


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def records(folder, split="train"):
    """Returns `{media id: (context, frames)}` as Model Garden reads them."""
    paths = sorted(str(path) for path in folder.glob(f"*-{split}-*.tfrecord"))
    found = {}
    for record in tf.data.TFRecordDataset(paths).as_numpy_iterator():
        context = tf.train.SequenceExample.FromString(record).context.feature
        decoded = video_input.Decoder().decode(record)
        frames = [tf.io.decode_jpeg(frame).numpy() for frame in decoded["image/encoded"].numpy()]
        assert decoded["clip/label/index"].numpy() == context["clip/label/index"].int64_list.value
        found[context["clip/media_id"].bytes_list.value[0].decode()] = (context, np.stack(frames))
    return found


def failures(folder):
    with open(folder / "failures.csv", newline="") as file:
        return list(csv.DictReader(file))


def test_every_frame_is_in_the_shards(source, tmp_path):
    make_shards(list_videos(source, "train", name="mine"), tmp_path)
    names = [f"mine-train-{k:05d}-of-00004.tfrecord" for k in range(4)]
    assert sorted(contents(tmp_path)) == ["dataset_info.json", "failures.csv", *names]
    found = records(tmp_path)
    assert len(found) == COUNT
    for number in range(COUNT):
        suffix = ("webm", "mp4", "avi")[number % 3]
        context, frames = found[f"{'ab'[number % 2]}/{number}.{suffix}"]
        assert numbers(frames) == list(range(4 + number % 3))
        assert frames.shape[1:] == (48, 64, 3)
        assert context["clip/label/index"].int64_list.value == [number % 2]
        assert context["clip/label/string"].bytes_list.value == ["ab"[number % 2].encode()]
        assert context["clip/frames"].int64_list.value == [len(frames)]
        assert context["clip/start/timestamp"].int64_list.value == [0]
        duration = len(frames) / 12 * 1e6
        assert context["clip/end/timestamp"].int64_list.value[0] == pytest.approx(duration, rel=0.1)
        assert context["image/format"].bytes_list.value == [b"jpeg"]
        assert context["image/height"].int64_list.value == [48]
        assert context["image/width"].int64_list.value == [64]
        assert context["image/frame_rate"].float_list.value[0] == pytest.approx(12, rel=0.01)


def test_description(source, tmp_path):
    make_shards(list_videos(source, "train", name="mine"), tmp_path, num_shards=3)
    info = read_info(tmp_path)
    assert (info["name"], info["classes"]) == ("mine", ["a", "b"])
    assert (info["clip_shape"], info["channels"]) == (None, 3)
    split = info["splits"]["train"]
    assert split["complete"]
    assert split["frames"] == {"min": 4, "max": 6, "total": 60}
    assert (split["made_by"]["jpeg_quality"], split["made_by"]["num_videos"]) == (90, COUNT)
    assert str(source) not in json.dumps(info)  # The same wherever it is made.
    for shard in split["shards"]:
        assert shard["bytes"] == (tmp_path / shard["file"]).stat().st_size
        assert shard["examples"] == 4
    # A shard holds more than one class, although folders are listed one after the other.
    for path in tmp_path.glob("*.tfrecord"):
        assert b"a/" in path.read_bytes() and b"b/" in path.read_bytes()


def test_same_input_same_bytes_whatever_the_workers(source, tmp_path):
    listed = list_videos(source, "train")
    make_shards(listed, tmp_path / "one", beam_flags=["--direct_num_workers=1"])
    make_shards(listed._replace(videos=listed.videos[::-1]), tmp_path / "other")
    assert contents(tmp_path / "one") == contents(tmp_path / "other")


def test_rate_size_and_quality(source, tmp_path):
    listed = list_videos(source, "train")
    make_shards(listed, tmp_path / "fine", FrameFormat(24, 24, 95), num_shards=1)
    make_shards(listed, tmp_path / "coarse", FrameFormat(24, 24, 30), num_shards=1)
    context, frames = records(tmp_path / "fine")["a/0.webm"]
    assert numbers(frames) == [0, 0, 1, 1, 2, 2, 3, 3]
    assert frames.shape[1:] == (24, 32, 3)
    assert context["image/frame_rate"].float_list.value == [24.0]
    length = {path.parent.name: path.stat().st_size for path in tmp_path.glob("*/*.tfrecord")}
    assert length["coarse"] < length["fine"]


def test_something_something_v1_keeps_its_jpegs(tmp_path):
    folder = mini.write_v1(tmp_path / "source")
    for split in ("train", "validation"):
        make_shards(list_videos(folder, split), tmp_path / "out")
    assert read_info(tmp_path / "out")["classes"] == mini.V1_CLASSES
    found = records(tmp_path / "out")
    assert sorted(found) == sorted(mini.VIDEOS["train"])
    for name, (context, frames) in found.items():
        assert numbers(frames) == list(range(mini.length_of(name)))
        assert context["clip/label/index"].int64_list.value == [mini.label_of(name)]
        assert context["image/frame_rate"].float_list.value == [12.0]
        assert context["clip/end/timestamp"].int64_list.value == [round(len(frames) / 12 * 1e6)]
    first = folder / "20bn-something-something-v1/71/00001.jpg"
    shards = b"".join(path.read_bytes() for path in (tmp_path / "out").glob("*-train-*"))
    assert first.read_bytes() in shards

    make_shards(list_videos(folder, "train"), tmp_path / "scaled", FrameFormat(6, 20, 90))
    for name, (_, frames) in records(tmp_path / "scaled").items():
        assert frames.shape[1:] == (20, 28, 3)
        assert numbers(frames) == list(range(mini.length_of(name)))[1::2]


@pytest.mark.parametrize("orientation", range(1, 9))
def test_frames_in_folders_are_turned_as_their_exif_says(orientation, tmp_path):
    exif = Image.Exif()
    exif[0x0112] = orientation
    (tmp_path / "1").mkdir()
    Image.fromarray(frames_of(1)[0]).save(tmp_path / "1/1.jpg", quality=95, exif=exif)
    expected = np.asarray(ImageOps.exif_transpose(Image.open(tmp_path / "1/1.jpg"))).astype(int)
    listed = VideoList("a", "train", "", str(tmp_path), ["a"], [Video("1", "1", 0)], image_rate=12)
    for short_side in (None, 48):
        wanted = FrameFormat(short_side=short_side, jpeg_quality=95)
        record = encode_video(listed.videos[0], listed, wanted).record
        lists = tf.train.SequenceExample.FromString(record).feature_lists.feature_list
        stored = lists["image/encoded"].feature[0].bytes_list.value[0]
        assert Image.open(io.BytesIO(stored)).getexif().get(0x0112, 1) == 1
        frame = tf.io.decode_jpeg(stored).numpy()
        assert frame.shape == expected.shape
        assert np.abs(frame - expected).mean() < 3


def test_something_something_v2_by_command(tmp_path):
    mini.write_v2(tmp_path / "source", short_names=True)
    done = command(f"--source={tmp_path / 'source'}", f"--output={tmp_path / 'out'}")
    assert done.returncode == 0, done.stderr
    assert "4 videos of 3 classes (Something-Something v2" in done.stdout
    assert "4/4" in done.stderr
    assert "4 videos, 0 left out (failures.csv)" in done.stdout
    assert "WARNING" not in done.stderr and "import" not in done.stderr
    found = records(tmp_path / "out")
    assert {name: len(frames) for name, (_, frames) in found.items()} == {
        name: mini.length_of(name) for name in mini.VIDEOS["train"]
    }


def command(*flags, **options):
    return subprocess.run(
        [sys.executable, REPOSITORY / "pipelines/make_shards.py", *flags],
        capture_output=True,
        text=True,
        **options,
    )


# ------------------------------------------------------------------------- damaged videos


@pytest.fixture
def damaged(source, tmp_path):
    folder = tmp_path / "damaged"
    folder.mkdir()
    lines = ["path,label"]
    for path in sorted(source.rglob("*.*")):
        lines.append(f"{path},{path.parent.name}")
    (folder / "empty.mp4").write_bytes(b"")
    (folder / "text.webm").write_bytes(b"no video" * 50)
    lines += ["empty.mp4,a", "text.webm,b", "missing.avi,b"]
    (folder / "train.csv").write_text("\n".join(lines))
    return folder


def test_a_damaged_video_is_logged_and_the_rest_goes_on(damaged, tmp_path):
    make_shards(list_videos(damaged, "train", allow_outside=True), tmp_path / "out", max_failures=3)
    assert len(records(tmp_path / "out")) == COUNT
    rows = {row["path"]: row for row in failures(tmp_path / "out")}
    assert sorted(rows) == ["empty.mp4", "missing.avi", "text.webm"]
    assert rows["missing.avi"]["reason"] == "there is no such file"
    assert rows["text.webm"]["reason"] == "it is no video, or its beginning is damaged"
    assert (rows["text.webm"]["split"], rows["text.webm"]["label"]) == ("train", "b")
    shards = read_info(tmp_path / "out")["splits"]["train"]["shards"]
    assert sum(shard["examples"] for shard in shards) == COUNT
    assert sum(len(shard["failures"]) for shard in shards) == 3


def test_too_many_damaged_videos_stop_it(damaged, tmp_path):
    listed, out = list_videos(damaged, "train", allow_outside=True), tmp_path / "out"
    one_worker = ["--direct_num_workers=1"]
    with pytest.raises(ValueError, match=r"More than max_failures=1 .*failures\.csv lists 2"):
        make_shards(listed, out, max_failures=1, num_shards=5, beam_flags=one_worker)
    assert len(failures(out)) == 2
    assert not read_info(out)["splits"]["train"]["complete"]
    kept = {path: path.stat().st_mtime_ns for path in out.glob("*.tfrecord")}
    assert len(kept) < 5
    # It goes on when more are allowed, or they are mended.
    make_shards(listed, out, max_failures=3, num_shards=5)
    assert read_info(out)["splits"]["train"]["complete"]
    assert len(failures(out)) == 3
    assert kept == {path: path.stat().st_mtime_ns for path in kept}
    make_shards(listed, tmp_path / "other", max_failures=3, num_shards=5)
    assert contents(out) == contents(tmp_path / "other")


def test_damaged_image_folders(tmp_path):
    folder = mini.write_v1(tmp_path / "source")
    videos = folder / "20bn-something-something-v1"
    frame = videos / "71/00002.jpg"
    frame.write_bytes(frame.read_bytes()[:-200])
    Image.new("RGB", (20, 20)).save(videos / "9/00003.jpg")
    for path in (videos / "28").iterdir():
        path.unlink()
    make_shards(list_videos(folder, "train"), tmp_path / "out")
    assert sorted(records(tmp_path / "out")) == ["105"]
    reasons = {row["media_id"]: row["reason"] for row in failures(tmp_path / "out")}
    assert reasons["71"].startswith("00002.jpg is not a JPEG image, or damaged")
    assert reasons["9"] == "00003.jpg has another size than the frames before it"
    assert reasons["28"] == "there is no such folder of JPEG frames"


# ------------------------------------------------------------------------- interruptions


_SLOW = """
import sys, time
from rstg_tf.data.videos import shard_task
from rstg_tf.data.videos.making import make_shards
from rstg_tf.data.videos.sources import list_videos
encode = shard_task.encode_video
def slowly(*arguments):
    time.sleep(0.3)
    return encode(*arguments)
shard_task.encode_video = slowly
make_shards(list_videos(sys.argv[1], "train"), sys.argv[2], num_shards=6)
"""


def test_a_killed_command_goes_on(source, tmp_path):
    killed = tmp_path / "killed"
    process = subprocess.Popen(
        [sys.executable, "-c", _SLOW, str(source), str(killed)], cwd=REPOSITORY
    )
    while not list(killed.glob("unfinished-train/*.json")):
        assert process.poll() is None
        time.sleep(0.02)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert not read_info(killed)["splits"]["train"]["complete"]
    noted = [path.name.split(".tfrecord")[0] for path in killed.glob("unfinished-train/*.json")]
    made = {name: (killed / f"{name}.tfrecord").stat().st_mtime_ns for name in noted}
    assert 1 <= len(made) < 6
    make_shards(list_videos(source, "train"), killed)  # It keeps the number of shards.
    assert made == {name: (killed / f"{name}.tfrecord").stat().st_mtime_ns for name in noted}
    make_shards(list_videos(source, "train"), tmp_path / "whole", num_shards=6)
    assert contents(killed) == contents(tmp_path / "whole")


def test_finished_lost_and_foreign_shards(source, tmp_path):
    listed, seen = list_videos(source, "train"), []
    make_shards(listed, tmp_path, progress=lambda *counts: seen.append(counts))
    assert seen[-1] == (4, 4)
    before = contents(tmp_path)
    times = {path: path.stat().st_mtime_ns for path in tmp_path.glob("*.tfrecord")}
    make_shards(listed, tmp_path)
    assert times == {path: path.stat().st_mtime_ns for path in tmp_path.glob("*.tfrecord")}
    next(iter(times)).unlink()
    make_shards(listed, tmp_path)
    assert contents(tmp_path) == before
    for other, message in (
        ({"frame_format": FrameFormat(jpeg_quality=50)}, "jpeg_quality=90 there, 50 now"),
        ({"num_shards": 2}, "num_shards=4 there, 2 now"),
    ):
        with pytest.raises(ValueError, match=message):
            make_shards(listed, tmp_path, **other)
    with pytest.raises(ValueError, match="very videos of the train split"):
        make_shards(listed._replace(split="validation"), tmp_path)
    with pytest.raises(ValueError, match="another data set"):
        make_shards(listed._replace(class_names=["x", "y"]), tmp_path)
    assert contents(tmp_path) == before


@pytest.fixture
def own(tmp_path):
    """A small source that may be changed."""
    for number in range(4):
        write_video(tmp_path / "own" / "ab"[number % 2] / f"{number}.mp4", frames_of(4))
    return tmp_path / "own"


def test_a_video_that_was_replaced_or_mended_comes_in(own, tmp_path):
    (own / "a/broken.mp4").write_bytes(b"no video")
    listed, told = list_videos(own, "train", name="mine"), []
    make_shards(listed, tmp_path / "out", num_shards=5, tell=told.append)
    times = {path: path.stat().st_mtime_ns for path in (tmp_path / "out").glob("*.tfrecord")}
    make_shards(listed, tmp_path / "out", tell=told.append)
    assert told == [] and times == {path: path.stat().st_mtime_ns for path in times}
    write_video(own / "a/broken.mp4", frames_of(6))
    before = os.stat(own / "b/1.mp4")
    write_video(own / "b/1.mp4", frames_of(7))
    os.utime(own / "b/1.mp4", ns=(before.st_atime_ns, before.st_mtime_ns))
    make_shards(listed, tmp_path / "out", tell=told.append)
    assert len(told) == 2 and all("other videos than are there now" in line for line in told)
    kept = [path for path in times if path.stat().st_mtime_ns == times[path]]
    assert len(kept) == 3
    assert failures(tmp_path / "out") == []
    assert {name: len(frames) for name, (_, frames) in records(tmp_path / "out").items()} == {
        **{f"{'ab'[number % 2]}/{number}.mp4": 4 for number in range(4)},
        **{"a/broken.mp4": 6, "b/1.mp4": 7},
    }


def test_shards_of_zeros_and_those_without_notes_of_videos(own, tmp_path):
    listed, out, told = list_videos(own, "train", name="mine"), tmp_path / "out", []
    make_shards(listed, out, num_shards=2)
    before = contents(out)
    shard = out / "mine-train-00001-of-00002.tfrecord"
    shard.write_bytes(bytes(len(before[shard.name])))
    make_shards(listed, out, tell=told.append)
    assert told == [f"A shard does not have its checksum; it is made again: {shard}"]
    assert contents(out) == before
    info = read_info(out)
    for entry in info["splits"]["train"]["shards"]:
        del entry["videos_sha256"]  # As they were made before.
    (out / "dataset_info.json").write_text(to_text(info))
    make_shards(listed, out, tell=told.append)
    assert len(told) == 1


def test_notes_that_are_damaged_or_of_another_run_count_nothing(own, tmp_path):
    listed, out = list_videos(own, "train", name="mine"), tmp_path / "out"
    make_shards(listed, tmp_path / "whole", num_shards=3)
    notes = out / "unfinished-train"
    notes.mkdir(parents=True)
    shard = {"file": "mine-train-00000-of-00003.tfrecord", "examples": 9, "bytes": 9}
    for name, text in {
        "mine-train-00000-of-00003.tfrecord.written.json": json.dumps({"run": "x", "shard": shard}),
        "mine-train-00001-of-00003.tfrecord.written.json": "[" * 10**5,
        "mine-train-00002-of-00003.tfrecord.failed.json": "",
        "mine-train-00002-of-00003.tfrecord.checked.json": "{}",
        **{".json": "", "x.json": "", "..json": "", "a.tfrecord.-1.json": "{}"},
    }.items():
        (notes / name).write_text(text)
    (out / shard["file"]).write_bytes(bytes(9))
    make_shards(listed, out, num_shards=3)
    assert contents(out) == contents(tmp_path / "whole")


def test_two_splits_at_once(own, tmp_path):
    for split in ("train", "validation"):
        (tmp_path / "both" / split).parent.mkdir(exist_ok=True)
        shutil.copytree(own, tmp_path / "both" / split)
    flags = [f"--source={tmp_path / 'both'}", f"--output={tmp_path / 'out'}"]
    started = [
        subprocess.Popen(
            [sys.executable, REPOSITORY / "pipelines/make_shards.py", *flags, f"--split={split}"],
            stderr=subprocess.PIPE,
        )
        for split in ("train", "validation", "train")
    ]
    errors = [process.communicate()[1] for process in started]
    assert [process.returncode for process in started] == [0, 0, 0], errors
    splits = read_info(tmp_path / "out")["splits"]
    assert {name: split["complete"] for name, split in splits.items()} == {
        "train": True,
        "validation": True,
    }
    assert not [path.name for path in (tmp_path / "out").iterdir() if path.name[0] == "."]


@pytest.mark.parametrize("error", [AttributeError("x"), MemoryError(), UnicodeError("y"), KeyError])
def test_whatever_ends_a_decoder_is_listed(own, tmp_path, monkeypatch, error):
    encode = shard_task.encode_video

    def fail(video, *rest):
        if video.path == "b/1.mp4":
            raise error
        return encode(video, *rest)

    monkeypatch.setattr(shard_task, "encode_video", fail)
    make_shards(list_videos(own, "train"), tmp_path / "out")
    (row,) = failures(tmp_path / "out")
    name = type(error).__name__ if isinstance(error, Exception) else error.__name__
    assert row["path"] == "b/1.mp4" and row["reason"].startswith(name)
    assert len(records(tmp_path / "out")) == 3


def test_what_can_not_be_written_is_one_error(source, tmp_path):
    listed = list_videos(source, "train", name="mine")
    (tmp_path / "mine-train-00001-of-00004.tfrecord").mkdir()
    with pytest.raises(OSError, match="directory"):
        make_shards(listed, tmp_path)
    assert not list(tmp_path.glob(".*.part"))


# ------------------------------------------------------------------------- flags


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"num_shards": 99}, "`num_shards` must be from 1 to the number of videos"),
        ({"max_failures": -1}, "`max_failures` must be at least 0. Received: -1"),
        ({"frame_format": FrameFormat(jpeg_quality=0)}, "`jpeg_quality` must be from 1 to 100"),
        ({"beam_flags": ["--direct_running_mode=fast"]}, r"wrong value.*direct_running_mode"),
        ({"beam_flags": ["--max-failure=3"]}, "Received: --max-failure=3"),
    ],
)
def test_wrong_arguments_leave_nothing(options, message, source, tmp_path):
    with pytest.raises(ValueError, match=message):
        make_shards(list_videos(source, "train"), tmp_path / "out", **options)
    assert not (tmp_path / "out").exists()


def test_flags_of_other_runners_are_known():
    check_flags(
        [
            "--runner=FlinkRunner",
            "--flink_master=host:1",
            "--environment_type=EXTERNAL",
            "--project=p",
            "--region=r",
            "--temp_location=gs://a/b",
            "--setup_file=f",
            "--sdk_container_image=i",
            "--direct_num_workers=3",
            "--experiments=x",
            "--max_num_workers=9",
        ]
    )


def test_command_ends_in_one_line(tmp_path, capsys):
    flags = [f"--source={tmp_path / 'none'}", f"--output={tmp_path / 'out'}"]
    with pytest.raises(SystemExit) as end:
        main(["data", "make", *flags])
    assert end.value.code == 2
    assert capsys.readouterr().err == (
        f"error: There is no such file or folder of videos. Received: {tmp_path / 'none'}\n"
    )


@pytest.mark.slow
def test_workers_may_be_processes(source, tmp_path):
    flags = ["--runner=DirectRunner", "--direct_running_mode=multi_processing"]
    make_shards(list_videos(source, "train"), tmp_path / "processes", beam_flags=flags)
    make_shards(list_videos(source, "train"), tmp_path / "threads")
    assert contents(tmp_path / "processes") == contents(tmp_path / "threads")
    (tmp_path / "blocked/mine-train-00001-of-00004.tfrecord").mkdir(parents=True)
    listed = list_videos(source, "train", name="mine")
    with pytest.raises(OSError, match="directory"):
        make_shards(listed, tmp_path / "blocked", beam_flags=flags)
