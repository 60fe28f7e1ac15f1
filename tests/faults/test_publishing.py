"""Publications that are killed at random file operations end like one that was not."""

import hashlib
import pathlib
import random
import re
import sys

import numpy as np
import pytest
from closeness import FORWARD, relative_difference
from faults.kill_at import available, count_operations, kill_at
from tiny import chance_of_nothing

import rstg_tf
from rstg_tf.evaluation import measure
from rstg_tf.evaluation.subject import load_subject
from rstg_tf.hub.manifest import read_manifest

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not available(), reason="killing at an operation takes gcc"),
]

ROOT = pathlib.Path(__file__).parents[2]
KILLS, IN_A_ROW = 30, 3
# They hold how fast the model was on this occasion, or checksums of such files.
OF_THE_MOMENT = ("costs.json", "README.md", "entry.json")


@pytest.fixture
def command(run, tmp_path):
    """A function from a zoo to the command that publishes into it."""
    with chance_of_nothing():
        metrics = measure(load_subject(run), num_clips=60, progress=False).save(tmp_path / "test")

    def publish(zoo):
        program = [sys.executable, str(ROOT / "pipelines" / "publish.py"), str(run)]
        options = [f"--zoo={zoo}", "--name=tiny", f"--metrics={metrics}", "--no-notebook"]
        return [*program, *options, "--overwrite"]

    return publish


def contents(zoo):
    """Checksums of all files of a zoo; those of the moment must only be there."""
    found = {}
    for path in filter(pathlib.Path.is_file, zoo.rglob("*")):
        # Keras draws a name for the graph of each LSTM.
        content = re.sub(rb"lstm_[0-9a-f-]{36}", b"lstm", path.read_bytes())
        of_the_moment = path.parent == zoo or path.name in OF_THE_MOMENT
        sha256 = hashlib.sha256(content).hexdigest()
        found[str(path.relative_to(zoo))] = None if of_the_moment else sha256
    return found


def test_kills_at_random_file_operations(tmp_path, command, counted):
    alone, zoo = tmp_path / "alone" / "zoo", tmp_path / "killed" / "zoo"
    operations, done = count_operations(command(alone), alone.parent)
    assert done.returncode == 0, done.stderr
    expected = contents(alone)
    with np.load(alone / "tiny" / "example.npz") as example:
        clips, logits = example["clips"], example["logits"]

    draw = random.Random(operations)
    kills = publications = readable = same = 0
    while kills < KILLS:
        for _ in range(IN_A_ROW):
            killed, _ = kill_at(draw.randint(1, operations), command(zoo), zoo.parent)
            kills += killed
            # At first there is none to read.
            there = (zoo / "tiny").exists() and "tiny" in read_manifest(zoo)
            if publications or there:
                made = rstg_tf.load_model("tiny", zoo=zoo)(clips)["logits"]
                readable += relative_difference(made, logits) < FORWARD
            else:
                readable += not (zoo / "tiny").exists()
        _, done = kill_at(10 * operations, command(zoo), zoo.parent)
        assert done.returncode == 0, done.stderr
        publications += 1
        same += contents(zoo) == expected
    counted(
        "a publication killed at random file operations",
        kills=kills,
        old_or_new_entry_readable=readable,
        publications=publications,
        same_end_bit_by_bit=same,
    )
    assert readable == publications * IN_A_ROW and same == publications
