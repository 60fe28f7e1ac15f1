"""Data sets under faults: two commands at once, kills at any file operation, changed bytes."""

import hashlib
import json
import pathlib
import pickle
import subprocess
import sys

import kill_at
import numpy as np
import pytest
from video_files import frames_of, write_video

from rstg_tf.data.input import evaluation_dataset
from rstg_tf.data.shards.dataset_info import read_info
from rstg_tf.data.shards.inspection import inspect_shards
from rstg_tf.data.shards.shard_writer import write_shards
from rstg_tf.data.shards.source import Shards
from rstg_tf.data.synthetic.digits import load_digits
from rstg_tf.data.synthetic.interactions import Interactions
from rstg_tf.data.synthetic.trajectories import load_trajectories

pytestmark = pytest.mark.slow

PIPELINES = pathlib.Path(__file__).resolve().parents[2] / "pipelines"
KILLS, CHANGES = 30, 200


def interactions(out, split="test"):
    flags = ["--num-videos=160", "--num-shards=8", "--size=32", "--frames=8", "--workers=2"]
    script = PIPELINES / "make_interactions.py"
    return [sys.executable, str(script), *flags, f"--split={split}", f"--output={out}"]


def of_videos(source, out):
    script = PIPELINES / "make_shards.py"
    flags = [f"--source={source}", f"--output={out}", "--num-shards=3"]
    return [sys.executable, str(script), *flags]


def start(command):
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)


def contents(folder):
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.iterdir()}


def test_two_splits_at_once(tmp_path, counted):
    good = 0
    for trial in range(6):
        out = tmp_path / str(trial)
        started = [start(interactions(out, split)) for split in ("train", "test")]
        errors = [process.communicate()[1] for process in started]
        splits = read_info(out)["splits"]
        complete = {name for name, split in splits.items() if split["complete"]}
        whole = not inspect_shards(out, verify=True).damages
        ended = [process.returncode for process in started] == [0, 0]
        good += ended and complete == {"train", "test"} and whole
        print(errors if not ended else "")
    counted("two splits made at once", tried=6, both_complete=good)
    assert good == 6


def test_the_same_split_twice_at_once(tmp_path, counted):
    subprocess.run(interactions(tmp_path / "alone"), check=True, capture_output=True)
    good = 0
    for trial in range(8):
        out = tmp_path / str(trial)
        started = [start(interactions(out)) for _ in range(2)]
        for process in started:
            process.communicate()
        ended = [process.returncode for process in started] == [0, 0]
        good += ended and contents(out) == contents(tmp_path / "alone")
    counted("one split made twice at once", tried=8, as_made_alone=good)
    assert good == 8


@pytest.mark.skipif(not kill_at.available(), reason="gcc is not there")
@pytest.mark.parametrize("what", ["generated", "videos"])
def test_kills_of_shard_making(tmp_path, counted, what):
    if what == "videos":
        for number in range(6):
            write_video(tmp_path / "source" / "ab"[number % 2] / f"{number}.mp4", frames_of(4))
    alone = tmp_path / "alone"

    def command(out):
        return interactions(out) if what == "generated" else of_videos(tmp_path / "source", out)

    operations, done = kill_at.count_operations(command(alone), alone)
    assert done.returncode == 0, done.stderr
    rng, killed, same = np.random.default_rng(0), 0, 0
    for number in np.sort(rng.choice(operations, min(KILLS, operations), replace=False)) + 1:
        out = tmp_path / f"killed-{number}"
        was_killed, _ = kill_at.kill_at(int(number), command(out), out)
        killed += was_killed
        done = subprocess.run(command(out), capture_output=True, text=True)
        same += done.returncode == 0 and contents(out) == contents(alone)
    counted(f"kills of making shards ({what})", tried=KILLS, killed=killed, same_end=same)
    assert same == min(KILLS, operations)


def read_description(folder):
    return json.dumps(read_info(folder), sort_keys=True)


def read_shard(folder):
    clips = [
        clip.tobytes()
        for clips, _ in evaluation_dataset(Shards(folder, "train"), 5)
        for clip in clips.numpy()
    ]
    return hashlib.sha256(b"".join(clips)).hexdigest()


def read_digits(folder):
    return load_digits("test", path=folder / "digits.npz").images.tobytes()


def read_trajectories(folder):
    return [array.tolist() for array in load_trajectories(folder / "motion.pkl")]


@pytest.fixture
def files(tmp_path):
    write_shards(Interactions(size=16, frames=3, num_examples=20), tmp_path, num_shards=1)
    labels = np.arange(20) % 10
    images = np.random.default_rng(0).integers(0, 256, (20, 28, 28)).astype(np.uint8)
    np.savez(tmp_path / "digits.npz", x_test=images, y_test=labels)
    sizes = {"coords_digits": (1, 3, 4, 2, 2), "noise_coords": (1, 3, 4, 1, 2)}
    sizes |= {"ind_rand_part": (1, 3, 1), "ind_digits": (1, 3, 2), "set_digits": (1, 3, 1)}
    motion = {name: np.arange(np.prod(size)).reshape(size) for name, size in sizes.items()}
    motion["sincron_prob"] = np.ones((1, 3), int)
    (tmp_path / "motion.pkl").write_bytes(pickle.dumps(motion, 2))
    return tmp_path


@pytest.mark.parametrize(
    ("name", "read", "checksum"),
    [
        ("dataset_info.json", read_description, True),
        ("interactions-train-00000-of-00001.tfrecord", read_shard, True),
        ("digits.npz", read_digits, True),
        ("motion.pkl", read_trajectories, False),
    ],
)
def test_changed_bytes(files, counted, name, read, checksum):
    path = files / name
    good, wanted, rng = path.read_bytes(), read(files), np.random.default_rng(1)
    told = harmless = taken = other = 0
    for n in range(CHANGES):
        bad = bytearray(good)
        place = int(rng.integers(len(bad)))
        if n % 4 == 3:
            del bad[place : place + int(rng.integers(1, 99))]
        else:
            bad[place] ^= 1 << int(rng.integers(8))
        path.write_bytes(bad)
        try:
            found = read(files)
        except Exception as error:
            one_line = isinstance(error, ValueError) or "InvalidArgument" in type(error).__name__
            named = one_line and str(path) in str(error)
            told, other = told + named, other + (not named)
        else:
            harmless, taken = harmless + (found == wanted), taken + (found != wanted)
    counts = {"told": told, "harmless": harmless, "taken_silently": taken, "other_errors": other}
    counted(f"changed bytes of {path.suffix[1:]} files", tried=CHANGES, **counts)
    assert not other
    assert not (taken and checksum)
