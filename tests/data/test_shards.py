import concurrent.futures
import functools
import hashlib
import json
import os
import re
import signal
import struct
import subprocess
import sys
import threading
import time

import numpy as np
import pytest
import tensorflow as tf

from rstg_tf.data.input import evaluation_dataset, training_dataset
from rstg_tf.data.shards import records
from rstg_tf.data.shards.dataset_info import to_text
from rstg_tf.data.shards.inspection import inspect_shards
from rstg_tf.data.shards.records import numbered_records, read_record, write_records
from rstg_tf.data.shards.sequence_example import encode_clip
from rstg_tf.data.shards.shard_writer import write_shards
from rstg_tf.data.shards.source import Shards
from rstg_tf.data.synthetic.interactions import Interactions


def source(**options):
    return Interactions(**{"size": 16, "frames": 4, "num_examples": 50, **options})


@pytest.fixture
def folder(tmp_path):
    write_shards(source(), tmp_path)
    return tmp_path


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_files_and_description(folder):
    names = [f"interactions-train-{k:05d}-of-00004.tfrecord" for k in range(4)]
    assert sorted(contents(folder)) == ["dataset_info.json", *names]
    info = json.loads((folder / "dataset_info.json").read_text())
    assert info["name"] == "interactions"
    assert info["classes"] == source().class_names
    split = info["splits"]["train"]
    assert split["made_by"]["difficulty"] == 0.5
    assert split["made_by"]["source"]
    assert [shard["examples"] for shard in split["shards"]] == [12, 13, 12, 13]
    for name, shard in zip(names, split["shards"], strict=True):
        content = (folder / name).read_bytes()
        assert shard["file"] == name
        assert shard["bytes"] == len(content)
        assert shard["sha256"] == hashlib.sha256(content).hexdigest()


def test_shards_hold_the_clips_in_order(folder):
    shards = Shards(folder, "train")
    assert shards.clip_shape == source().clip_shape
    assert shards.class_names == source().class_names
    assert shards.name == "interactions"
    assert shards.num_examples == 50
    read = [np.concatenate(parts) for parts in zip(*evaluation_dataset(shards, 8), strict=True)]
    for ours, wanted in zip(read, source().batch(range(50)), strict=True):
        np.testing.assert_array_equal(ours, wanted)


def test_same_input_same_bytes_whatever_the_workers(folder, tmp_path_factory):
    other = tmp_path_factory.mktemp("other")
    write_shards(source(), other, workers=1)
    assert contents(folder) == contents(other)


def test_splits_share_a_folder(folder):
    write_shards(source(split="test", num_examples=9), folder, num_shards=2)
    assert Shards(folder, "test").num_examples == 9
    assert Shards(folder, "train").num_examples == 50
    with pytest.raises(ValueError, match=r"has the splits \['test', 'train'\].*'validation'"):
        Shards(folder, "validation")


def test_a_finished_split_is_not_made_again(folder):
    before = {path: path.stat().st_mtime_ns for path in folder.glob("*.tfrecord")}
    counts = []
    write_shards(source(), folder, progress=counts.append)
    assert sum(counts) == 50
    assert before == {path: path.stat().st_mtime_ns for path in folder.glob("*.tfrecord")}


def at_once(*calls):
    with concurrent.futures.ThreadPoolExecutor(len(calls)) as pool:
        return [job.result() for job in [pool.submit(call) for call in calls]]


@pytest.mark.parametrize("trial", range(3))
def test_two_splits_at_once(tmp_path, trial):
    at_once(
        lambda: write_shards(source(), tmp_path),
        lambda: write_shards(source(split="test"), tmp_path),
        lambda: write_shards(source(split="validation"), tmp_path),
    )
    for split in ("train", "test", "validation"):
        assert Shards(tmp_path, split).num_examples == 50
    assert len(contents(tmp_path)) == 13  # No lock is left.


def test_the_same_split_twice_at_once(folder, tmp_path_factory):
    other, told, counts = tmp_path_factory.mktemp("other"), [], []
    call = functools.partial(write_shards, source(), other, tell=told.append)
    begun = threading.Event()

    def slowly(count):
        counts.append(count)
        begun.set()
        time.sleep(0.05)

    def later():
        begun.wait()
        call()

    at_once(lambda: call(progress=slowly), later)
    assert told == [f"Another process makes the train split in {other}; waiting for it."]
    assert sum(counts) == 50
    assert contents(other) == contents(folder)


def test_a_shard_without_its_checksum_is_made_again(folder):
    before, told = contents(folder), []
    shard = folder / "interactions-train-00002-of-00004.tfrecord"
    shard.write_bytes(bytes(len(before[shard.name])))
    write_shards(source(), folder, tell=told.append)
    assert told == [f"A shard does not have its checksum; it is made again: {shard}"]
    assert contents(folder) == before


def test_too_small_a_disk_is_told_before_anything_is_made(tmp_path):
    with pytest.raises(OSError, match=rf"must have \d+ MB free.*{tmp_path}"):
        write_shards(source(num_examples=10**11), tmp_path)
    assert contents(tmp_path) == {}
    with pytest.raises(ValueError, match=r"must be a local one. Received: s3://bucket/x"):
        write_shards(source(), "s3://bucket/x")


def test_a_record_that_claims_to_be_huge_is_named(folder):
    shard = folder / "interactions-train-00001-of-00004.tfrecord"
    header = struct.pack("<Q", 2**60)
    content = header + records._checksum(header)
    shard.write_bytes(content.ljust(shard.stat().st_size, b"x"))
    with pytest.raises(tf.errors.InvalidArgumentError, match=f"{shard}, record 0: missing or"):
        list(evaluation_dataset(Shards(folder, "train"), 50))
    with pytest.raises(ValueError, match=f"damaged: {shard}, record 0: a record in it claims"):
        inspect_shards(folder)


def test_a_lost_shard_is_made_again(folder):
    before = contents(folder)
    (folder / "interactions-train-00002-of-00004.tfrecord").unlink()
    write_shards(source(), folder)
    assert contents(folder) == before


@pytest.mark.parametrize(
    ("other", "message"),
    [
        ({"seed": 1}, "seed=0 there, 1 now"),
        ({"difficulty": 1.0}, "difficulty=0.5 there, 1.0 now"),
        ({"num_examples": 51}, "num_examples=50 there, 51 now"),
        ({"size": 32}, "another data set"),
    ],
)
def test_a_folder_made_in_another_way_is_refused(folder, other, message):
    before = contents(folder)
    with pytest.raises(ValueError, match=message):
        write_shards(source(**other), folder)
    assert contents(folder) == before


def test_an_error_leaves_nothing_half_written(tmp_path):
    class Failing(Interactions):
        def batch(self, indices, labels=None):
            if 30 in indices:
                raise OSError("No space left on device")
            return super().batch(indices, labels)

    with pytest.raises(OSError, match="No space left"):
        write_shards(Failing(size=16, frames=4, num_examples=50), tmp_path, workers=1)
    assert [path.name for path in tmp_path.iterdir() if ".part" in path.name] == []
    with pytest.raises(ValueError, match="not written to its end"):
        Shards(tmp_path, "train")
    write_shards(source(), tmp_path)
    assert Shards(tmp_path, "train").num_examples == 50


_FULL_DISK = """
import resource, signal, sys
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
from rstg_tf.data.synthetic.interactions import Interactions
from rstg_tf.data.shards.shard_writer import write_shards
try:
    write_shards(Interactions(size=16, frames=4, num_examples=50), sys.argv[1])
except OSError as error:
    print(error)
"""


def test_a_full_disk_is_named_and_leaves_nothing(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", _FULL_DISK, str(tmp_path)], capture_output=True, text=True
    )
    assert re.match(r"A shard can't be written \(.*\). Received: .*\.tfrecord", done.stdout)
    assert [path.name for path in tmp_path.iterdir()] == ["dataset_info.json"]


_MAKE = """
import sys, time
from rstg_tf.data.synthetic.interactions import Interactions
from rstg_tf.data.shards.shard_writer import write_shards
source = Interactions(size=16, frames=4, num_examples=50)
slow = (lambda count: time.sleep(0.3)) if sys.argv[2] == "slow" else None
write_shards(source, sys.argv[1], workers=1, progress=slow)
"""


def test_a_killed_command_goes_on(folder, tmp_path_factory):
    killed = tmp_path_factory.mktemp("killed")
    process = subprocess.Popen([sys.executable, "-c", _MAKE, str(killed), "slow"])
    first = killed / "interactions-train-00000-of-00004.tfrecord"
    info = killed / "dataset_info.json"
    while not info.exists() or first.name not in info.read_text():
        assert process.poll() is None
        time.sleep(0.01)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    made = first.stat().st_mtime_ns
    assert len(list(killed.glob("*.tfrecord"))) < 4
    subprocess.run([sys.executable, "-c", _MAKE, str(killed), "fast"], check=True)
    assert first.stat().st_mtime_ns == made
    assert contents(killed) == contents(folder)


# ------------------------------------------------------------------------------- bad input


def test_missing_folder_description_and_shard(folder):
    with pytest.raises(FileNotFoundError, match=r"no folder of shards. Received: .*none"):
        Shards(folder / "none", "train")
    with pytest.raises(ValueError, match="`num_shards`"):
        write_shards(source(), folder / "new", num_shards=0)
    shard = folder / "interactions-train-00001-of-00004.tfrecord"
    shard.unlink()
    with pytest.raises(FileNotFoundError, match=f"missing. Received: {shard}"):
        Shards(folder, "train")
    (folder / "dataset_info.json").unlink()
    with pytest.raises(FileNotFoundError, match=r"no dataset_info\.json"):
        Shards(folder, "train")


@pytest.mark.parametrize("text", ["", "{", "[]", '{"name": "x"}', "5"])
def test_damaged_description(folder, text):
    (folder / "dataset_info.json").write_text(text)
    with pytest.raises(ValueError, match=r"description is damaged.*dataset_info\.json"):
        Shards(folder, "train")


def one_frame(folder):
    clip = np.zeros((1, 16, 16, 3), np.uint8)
    return encode_clip(clip, 0, "x", "y", 1.0)


def large(folder):
    clip = np.zeros((4, 20, 16, 3), np.uint8)
    return encode_clip(clip, 0, "x", "y", 1.0)


def grey(folder):
    clip = np.zeros((4, 16, 16, 1), np.uint8)
    return encode_clip(clip, 0, "x", "y", 1.0)


def foreign(folder):
    feature = tf.train.Feature(int64_list=tf.train.Int64List(value=[1]))
    features = tf.train.Features(feature={"clip/label/index": feature})
    return tf.train.Example(features=features).SerializeToString()


def noise(folder):
    return os.urandom(999)


def replace_record(path, number, record):
    """Rewrites a shard with one record exchanged."""
    records = list(tf.data.TFRecordDataset(str(path)).as_numpy_iterator())
    records[number] = record
    with tf.io.TFRecordWriter(str(path)) as writer:
        for each in records:
            writer.write(each)


def forget_lengths(folder):
    """Lets the description say what the files hold now, so that only reading shows the fault."""
    info = json.loads((folder / "dataset_info.json").read_text())
    for shard in info["splits"]["train"]["shards"]:
        shard["bytes"] = os.path.getsize(folder / shard["file"])
    (folder / "dataset_info.json").write_text(to_text(info))


FAULTS = [
    (one_frame, r"1 frame\(s\), where at least 2"),
    (large, r"\(20, 16, 3\), where \(16, 16, 3\) is expected"),
    (grey, r"\(16, 16, 1\), where"),
    (foreign, "not a sequence example"),
    (noise, "not a sequence example"),
]


@pytest.mark.parametrize(("fault", "message"), FAULTS)
def test_a_faulty_record_is_named(folder, fault, message):
    shard = folder / "interactions-train-00002-of-00004.tfrecord"
    replace_record(shard, 7, fault(folder))
    with pytest.raises(ValueError, match=f"{re.escape(str(shard))}, record 7: .*{message}"):
        Shards(folder, "train")
    forget_lengths(folder)
    for dataset in (
        evaluation_dataset(Shards(folder, "train"), 16),
        training_dataset(Shards(folder, "train"), 50),
    ):
        with pytest.raises(
            tf.errors.InvalidArgumentError,
            match=f"(?s){re.escape(str(shard))}, record 7: .*{message}",
        ):
            list(dataset.take(4))


def cut(content):
    return content[: len(content) * 2 // 3]


def flip(content):
    place = len(content) * 2 // 3
    return content[:place] + bytes([content[place] ^ 0xFF]) + content[place + 1 :]


@pytest.mark.parametrize("damage", [cut, flip, lambda content: b"no TFRecord at all" * 99])
def test_a_damaged_shard_is_named_with_the_record(folder, damage):
    shard = folder / "interactions-train-00001-of-00004.tfrecord"
    shard.write_bytes(damage(shard.read_bytes()))
    if damage is not flip:
        with pytest.raises(ValueError, match=rf"{re.escape(str(shard))}, record \d: missing or"):
            Shards(folder, "train")
    forget_lengths(folder)
    with pytest.raises(
        tf.errors.InvalidArgumentError, match=rf"{re.escape(str(shard))}, record \d: missing or"
    ):
        list(evaluation_dataset(Shards(folder, "train"), 50))


def test_parts_of_a_store_are_read_as_whole_files_are(tmp_path):
    path, records = tmp_path / "shard", [b"a" * 10, b"b" * 9_000_000, b"c", b"d" * 5_000_000, b"e"]
    write_records(path, records, path)

    def read(remote):
        found = numbered_records(str(path), len(records), remote).as_numpy_iterator()
        return [record for record, *_ in found]

    assert read(True) == read(False) == records
    assert read_record(str(path), 3) == records[3]
    content = path.read_bytes()
    path.write_bytes(content.replace(b"c", b"C"))  # What follows it can be found.
    assert read(True) == [*records[:2], b"", *records[3:]]
    path.write_bytes(content[:-30])
    assert read(True) == [*records[:3], b"", b""]
    path.write_bytes(content[:26] + b"?" + content[27:])  # A length.
    assert read(True) == [records[0], *[b""] * 4]
    path.unlink()
    assert read(True) == [b""] * 5
