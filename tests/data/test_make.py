import json
import pathlib
import subprocess
import sys

import pytest
from PIL import Image

from rstg_tf.data.shards.source import Shards

PIPELINES = pathlib.Path(__file__).parents[2] / "pipelines"


def run(command, *arguments):
    return subprocess.run(
        [sys.executable, PIPELINES / command, *map(str, arguments)],
        capture_output=True,
        text=True,
    )


@pytest.mark.parametrize(
    ("command", "options", "name"),
    [
        (
            "make_syncmnist.py",
            ["--digits=3", "--digit-source=embedded", "--z-order=shuffled", "--noise-parts=2"],
            "syncmnist3",
        ),
        ("make_interactions.py", ["--size=32", "--difficulty=0.8"], "interactions"),
    ],
)
def test_command_writes_shards_and_preview(tmp_path, command, options, name):
    output, preview = tmp_path / "deep" / "data", tmp_path / "preview.gif"
    done = run(
        command, *options, "--split=test", f"--output={output}", f"--preview={preview}",
        "--num-videos=24",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "24/24" in done.stderr
    assert (output / f"{name}-test-00000-of-00004.tfrecord").exists()
    shards = Shards(output, "test")
    assert (shards.name, shards.num_examples) == (name, 24)
    made_by = json.loads((output / "dataset_info.json").read_text())["splits"]["test"]["made_by"]
    assert made_by["seed"] == 0
    assert Image.open(preview).n_frames == shards.clip_shape[0]


def test_bad_input_ends_in_one_line(tmp_path):
    damaged = tmp_path / "mnist.npz"
    damaged.write_bytes(b"PK\x03\x04 damaged")
    done = run("make_syncmnist.py", f"--output={tmp_path / 'out'}", f"--mnist-path={damaged}")
    assert done.returncode == 2
    assert done.stderr.startswith("error: The digit file can't be read")
    assert str(damaged) in done.stderr
    assert done.stderr.count("\n") == 1
    assert not (tmp_path / "out").exists()
