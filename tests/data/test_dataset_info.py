import json

import numpy as np
import pytest

from rstg_tf.data.shards.dataset_info import add_split, read_info, to_text, write_split
from rstg_tf.data.shards.source import Shards

CLASSES = ["Pushing something from left to right", "Pulling £5 (ü) \U0001f600"]


def described():
    shard = {"file": "x-train-00000-of-00001.tfrecord", "examples": 4, "bytes": 999}
    shard |= {"sha256": "ab" * 32, "videos_sha256": "cd" * 32}
    shard["frames"] = {"min": 1, "max": 2, "total": 6}
    shard["failures"] = [{"media_id": "a", "path": "a/ü.mp4", "label": "b", "reason": "damaged"}]
    split = {"complete": True, "made_by": {"num_shards": 1, "rate": 1.5}, "shards": [shard]}
    return {"name": "x", "classes": CLASSES, "clip_shape": None, "splits": {"train": split}}


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "dataset_info.json"
    path.write_text(to_text(described()))
    return path


def test_round_trip(path):
    assert read_info(path.parent) == described()
    assert read_info(path.parent / "none") is None
    # Those of before had no checksum.
    path.write_text(json.dumps(described()))
    assert read_info(path.parent) == described()


def test_any_flipped_bit_is_told(path):
    good = path.read_bytes()
    told = harmless = 0
    for place in range(len(good)):
        bad = bytearray(good)
        bad[place] ^= 1 << (place * 7 % 8)
        path.write_bytes(bad)
        try:
            assert read_info(path.parent) == described()  # White space.
            harmless += 1
        except ValueError as error:
            assert str(path) in str(error)
            assert "\n" not in str(error).removesuffix(str(path))
            told += 1
    assert told > 5 * harmless


def changed(*places, **values):
    """A description in which one value is another, with the right checksum."""
    info = described()
    inner = info
    for place in places:
        inner = inner[place]
    inner.update(values)
    return to_text(info)


SHARD = ("splits", "train", "shards", 0)
BAD = {
    "nested": "[" * 100_000,
    "nested below a key": '{"name": ' + '{"a":' * 100_000,
    "deep, but well formed": changed("splits", "train", made_by={}).replace(
        '"made_by": {}', '"made_by": {"a": ' + "[" * 900 + "]" * 900 + "}"
    ),
    "large number": changed().replace("999", "1e400"),
    "no number": changed().replace("999", "NaN"),
    "key twice": changed().replace('"name"', '"name": "y",\n "name"'),
    "null classes": changed(classes=None),
    "no classes": changed(classes=[]),
    "a class twice": changed(classes=["a", "a"]),
    "a class of two lines": changed(classes=["a\u2028b", "c"]),
    "a class that steers": changed(classes=["a\x1b[2J", "c"]),
    "number for a class": changed(classes=["a", 1]),
    "clip shape": changed(clip_shape=[2**40, 2**40, 2**40, 3]),
    "clip shape of three": changed(clip_shape=[1, 2, 3]),
    "clip shape of bool": changed(clip_shape=[True] * 4),
    "name": changed(name="../../x"),
    "split": changed(splits={"../train": described()["splits"]["train"]}),
    "splits": changed(splits=[]),
    "complete": changed("splits", "train", complete="yes"),
    "shards": changed("splits", "train", shards={}),
    "format": to_text(described()).replace('"format": 2', '"format": 3'),
    "parent folder": changed(*SHARD, file="../x.tfrecord"),
    "absolute": changed(*SHARD, file="/etc/passwd"),
    "a URL": changed(*SHARD, file="s3://bucket/x.tfrecord"),
    "hidden": changed(*SHARD, file=".x.tfrecord"),
    "empty name": changed(*SHARD, file=""),
    "newline": changed(*SHARD, file="a\nb"),
    "nul": changed(*SHARD, file="a\0b"),
    "negative": changed(*SHARD, examples=-1),
    "more than there can be": changed(*SHARD, examples=10**9),
    "negative length": changed(*SHARD, bytes=-5),
    "length": changed(*SHARD, bytes=2**70),
    "float": changed(*SHARD, bytes=999.5),
    "checksum": changed(*SHARD, sha256="xyz"),
    "failures": changed(*SHARD, failures=[{"path": 1}]),
    "frames": changed(*SHARD, frames={"min": "1"}),
    "a shard twice": changed(
        "splits", "train", shards=described()["splits"]["train"]["shards"] * 2
    ),
    "bytes": b"\xff\xfe\x00",
    "half a surrogate": changed(*SHARD, file="\udce9"),
}


@pytest.mark.parametrize("name", BAD)
def test_what_can_not_be_is_one_error(path, name):
    content = BAD[name]
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(ValueError, match=r"description is damaged.*dataset_info\.json") as caught:
        read_info(path.parent)
    assert len(str(caught.value)) < 500
    with pytest.raises(ValueError, match="description is damaged"):
        Shards(path.parent, "train")


@pytest.mark.parametrize("without", ["sha256", "format"])
def test_a_checksum_that_is_gone_is_told(path, without):
    info = json.loads(path.read_text())
    del info[without]
    path.write_text(json.dumps(info))
    with pytest.raises(ValueError, match="description is damaged"):
        read_info(path.parent)


def test_splits_that_others_wrote_stay(path):
    common = {"name": "x", "classes": CLASSES, "clip_shape": None}
    ours = add_split(read_info(path.parent), common, "test", {"num_shards": 1}, path.parent)
    theirs = add_split(read_info(path.parent), common, "validation", {}, path.parent)
    write_split(path.parent, ours, "test")
    assert sorted(write_split(path.parent, theirs, "validation")["splits"]) == [
        *("test", "train", "validation")
    ]
    assert sorted(read_info(path.parent)["splits"]) == ["test", "train", "validation"]
    assert [each.name for each in path.parent.iterdir()] == ["dataset_info.json"]
    with pytest.raises(ValueError, match="one line of characters"):
        add_split(None, {**common, "classes": ["a\nb"]}, "test", {}, path.parent)


def test_random_changes_are_one_error_or_harmless(path):
    good, rng = path.read_bytes(), np.random.default_rng(0)
    plain = json.dumps(described()).encode()
    for n in range(300):
        bad = bytearray(plain if n % 2 else good)
        for _ in range(rng.integers(1, 5)):
            place = rng.integers(len(bad))
            if rng.integers(2):
                bad[place] = rng.integers(256)
            else:
                bad[place : place + rng.integers(1, 30)] = rng.bytes(rng.integers(0, 4))
        path.write_bytes(bad)
        try:
            read_info(path.parent)
        except ValueError as error:
            assert str(path) in str(error)
