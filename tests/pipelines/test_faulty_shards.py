"""What a training or an evaluation says of shards that it can't use."""

import pathlib
import subprocess
import sys

import pytest
import tiny

from rstg_tf.data.shards.shard_writer import write_shards
from rstg_tf.data.synthetic.interactions import Interactions

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]


def run(*arguments, cwd):
    return subprocess.run(
        [sys.executable, *map(str, arguments)], cwd=cwd, capture_output=True, text=True
    )


@pytest.mark.parametrize("spoil", ["cut", "foreign"])
def test_training_names_file_and_record_in_one_line(spoil, tmp_path):
    shards = tmp_path / "shards"
    for split in ("train", "validation"):
        write_shards(Interactions(size=32, frames=4, split=split, num_examples=8), shards, 1)
    (path,) = shards.glob("*-train-*.tfrecord")
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2] if spoil == "cut" else bytes(len(whole)))

    done = run(
        REPOSITORY / "pipelines/train.py",
        f"--data={shards}",
        f"--params-override={tiny.as_flag()}",
        cwd=tmp_path,
    )
    assert done.returncode == 2, done.stderr
    error = done.stderr.strip().splitlines()[-1]
    assert error.startswith("error:") and f"{path}, record " in error
    assert "Traceback" not in done.stderr
