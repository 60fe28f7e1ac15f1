"""Damaged videos of every container: each is told as a `VideoError` or decodes, and soon."""

import collections
import json
import pathlib
import subprocess
import sys

import numpy as np
import pytest

_TESTS = pathlib.Path(__file__).parents[1]
sys.path[:0] = [str(_TESTS), str(_TESTS / "data" / "videos")]
from test_decoding_as_ffmpeg import FILES, make  # noqa: E402

from rstg_tf.data.videos import VideoError, VideoLimits, VideoReader  # noqa: E402

MUTATIONS = 200
_LIMITS = VideoLimits(frame_pixels=2**22, frames=2000, pixels=2**28)


def mutated(content, rng):
    spoiled = bytearray(content)
    for _ in range(rng.integers(1, 9)):
        spoiled[rng.integers(len(spoiled))] = rng.integers(256)
    if rng.random() < 0.3:
        del spoiled[rng.integers(len(spoiled)) :]
    return bytes(spoiled)


def try_mutations(path, seed):
    counts, rng = collections.Counter(), np.random.default_rng(seed)
    content = pathlib.Path(path).read_bytes()
    for _ in range(MUTATIONS):
        try:
            with VideoReader(mutated(content, rng), limits=_LIMITS, short_side=16) as reader:
                for _ in reader:
                    pass
            counts["harmless"] += 1
        except VideoError:
            counts["told"] += 1
    return counts


@pytest.mark.slow
@pytest.mark.parametrize("kind", FILES)
def test_mutated_videos_are_told_or_harmless(kind, tmp_path, counted):
    path = make(tmp_path, kind, sound=bool(FILES[kind][1]))
    done = subprocess.run(
        [sys.executable, __file__, str(path)],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-800:]
    counts = json.loads(done.stdout)
    counted(f"changed bytes of videos ({kind})", tried=MUTATIONS, **counts)
    assert sum(counts.values()) == MUTATIONS


if __name__ == "__main__":
    print(json.dumps(try_mutations(sys.argv[1], 0)))
