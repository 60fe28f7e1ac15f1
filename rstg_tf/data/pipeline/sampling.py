"""Which frames of a video make a clip. NumPy only."""

import functools

import numpy as np

SAMPLINGS = ("uniform", "dense", "random_offset")


def sample_frames(count, frames, sampling="uniform", stride=1, jitter=0.0, rng=None):
    """Chooses `frames` of `count` frames: non-decreasing int `[frames]`, with repeats if need be.

    `"uniform"` is `linspace(0, count - 1, frames)` rounded down. `"random_offset"` takes the frame
    at one random place (without `rng`: the middle) of each of `frames` equal parts. `"dense"` takes
    frames `stride` apart from a random start (without `rng`: those in the middle) and stays at the
    last frame if the video ends. With `rng`, each frame moves by up to `jitter`, at most 0.5, of
    the distance between two.
    """
    last = count - 1
    if sampling == "uniform":
        positions, step = _spread(last, frames), last / max(frames - 1, 1)
    elif sampling == "random_offset":
        step = count / frames
        positions = (np.arange(frames) + (0.5 if rng is None else rng.random())) * step
    else:
        step, room = stride, max(0, last - (frames - 1) * stride)
        start = room // 2 if rng is None else rng.integers(room + 1)
        positions = start + np.arange(frames) * stride
    if jitter and rng is not None:
        positions = positions + rng.uniform(-jitter, jitter, frames) * step
    return np.minimum(np.maximum(positions, 0), last).astype(int)


def dense_samplings(count, frames):
    """The two samplings in time of a dense evaluation, int `[2, frames]`.

    They are `linspace(0, count - 1, frames)` rounded down, and the same half a step later.
    """
    last = count - 1
    half = last / max(frames - 1, 1) / 2
    positions = _spread(last, frames)
    return np.minimum([positions, positions + half], last).astype(int)


@functools.lru_cache(maxsize=1024)  # Many videos have the same length.
def _spread(last, frames):
    positions = np.linspace(0, last, frames)
    positions.flags.writeable = False
    return positions
