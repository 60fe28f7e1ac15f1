import json
import pathlib
import subprocess
import sys

import pytest
from PIL import Image
from video_files import frames_of, write_video

from rstg_tf.cli import main
from rstg_tf.data.shards.dataset_info import to_text
from rstg_tf.data.shards.inspection import inspect_shards
from rstg_tf.data.shards.shard_writer import write_shards
from rstg_tf.data.synthetic.interactions import Interactions
from rstg_tf.data.videos.making import make_shards
from rstg_tf.data.videos.sources import list_videos

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
COUNT = 8


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    source = tmp_path_factory.mktemp("source")
    for number in range(COUNT):
        split = "validation" if number == 0 else "train"
        size = (48, 64) if number < 6 else (32, 48)
        path = source / split / "ab"[number % 4 == 0] / f"{number}.mp4"
        write_video(path, frames_of(4 + number, *size, seed=number))
    (source / "train/a/broken.mp4").write_bytes(b"no video")
    output = tmp_path_factory.mktemp("made")
    for split in ("train", "validation"):
        make_shards(list_videos(source, split, name="mine"), output, num_shards=1)
    return output


@pytest.fixture
def folder(made, tmp_path):
    for path in made.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    return tmp_path


def run(*flags):
    return subprocess.run(
        [sys.executable, REPOSITORY / "pipelines/inspect_shards.py", *map(str, flags)],
        capture_output=True,
        text=True,
    )


def test_numbers_lengths_and_sizes(folder):
    found = inspect_shards(folder, verify=True)
    assert found.damages == []
    assert len(found.records) == COUNT
    splits = found.by_split()
    assert splits["videos"].to_dict() == {"train": 7, "validation": 1}
    assert splits["failures"].to_dict() == {"train": 1, "validation": 0}
    assert splits.loc["train", ["frames_min", "frames_median", "frames_max"]].tolist() == [5, 8, 11]
    classes = found.by_class()
    assert classes["train"].to_dict() == {"a": 6, "b": 1}
    assert classes["validation"].to_dict() == {"a": 0, "b": 1}
    sizes = found.by_size()
    assert sizes[["height", "width", "videos"]].values.tolist() == [[48, 64, 6], [32, 48, 2]]


def test_command_prints_and_draws(folder, capsys):
    assert main(["data", "inspect", str(folder), "--verify"]) == 0
    printed = capsys.readouterr().out
    assert "all 8 records and their files have the right checksums" in printed
    for word in ("frames_median", "class", "height"):
        assert word in printed
    with Image.open(folder / "contact_sheet.png") as sheet:
        assert sheet.height == COUNT * (90 + 18 + 4)
        colours = sheet.convert("RGB").getcolors(maxcolors=10**6)
    assert any(red > 200 and max(green, blue) < 60 for _, (red, green, blue) in colours)


def test_damage_is_named(folder):
    train, validation = sorted(folder.glob("*.tfrecord"))
    content = bytearray(train.read_bytes())
    lengths = inspect_shards(folder).records.query("split == 'train'")["bytes"]
    content[sum(lengths[:3] + 16) + 500] ^= 1  # Somewhere in record 3.
    train.write_bytes(content)
    validation.unlink()
    with pytest.raises(ValueError, match=rf"damaged: {train}, record 3: its checksum"):
        inspect_shards(folder)
    done = run(folder, "--verify")
    assert done.returncode == 2
    assert "error: Faults found: 3" in done.stderr
    assert f"\n  {train}, record 3: its checksum or length is wrong" in done.stderr
    assert f"\n  {train}: its sha256 is" in done.stderr
    assert f"\n  {validation}: it is missing" in done.stderr
    assert "Traceback" not in done.stderr


def test_cut_foreign_and_unfinished_shards(folder):
    train, validation = sorted(folder.glob("*.tfrecord"))
    whole = train.read_bytes()
    train.write_bytes(whole[: len(whole) // 2])
    (damage, other) = inspect_shards(folder, verify=True).damages
    assert 0 < damage.record < 7 and other.record is None
    train.write_bytes(validation.read_bytes())
    reasons = [damage.reason for damage in inspect_shards(folder, verify=True).damages]
    assert reasons[0] == "it holds 1 records, where 7 were written"
    train.write_bytes(whole)
    info = json.loads((folder / "dataset_info.json").read_text())
    info["splits"]["train"]["complete"] = False
    (folder / "dataset_info.json").write_text(to_text(info))
    (damage,) = inspect_shards(folder, verify=True).damages
    assert damage.reason == "the train split is not finished"


def test_shards_of_generators(tmp_path):
    write_shards(Interactions(size=16, frames=4, num_examples=9), tmp_path)
    found = inspect_shards(tmp_path, verify=True)
    assert found.damages == []
    assert found.by_split().loc["train", "videos"] == 9
    with pytest.raises(FileNotFoundError, match="no such folder, or none with"):
        inspect_shards(tmp_path / "none")
