"""Which frames of a video make a clip. NumPy only."""

import functools

import numpy as np

SAMPLINGS = ("uniform", "dense", "random_offset")


def sample_frames(count, frames, sampling="uniform", stride=1, jitter=0.0, rng=None):
    """Chooses the frames of a clip.

    Args:
        count: number of frames of the video, n.
        frames: number of frames of the clip, T; a short video shows frames more than once.
        sampling: `"uniform"` spreads them over the whole video, `linspace(0, n - 1, T)` rounded
            down. `"random_offset"` cuts the video into T equal parts and takes of each the frame
            at the same place, at random with `rng`, else the middle. `"dense"` takes frames
            `stride` apart, from a random start with `rng`, else from the middle of the video; a
            video that ends too early stays at its last frame.
        stride: distance of the frames of `"dense"`.
        jitter: each frame is moved at random by up to this part of the distance between two
            frames, at most 0.5, which keeps their order; only with `rng`.
        rng: a `numpy.random.Generator` in training, None in evaluation.

    Returns:
        int array `[T]` of frame numbers, not decreasing.
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
    """The two samplings in time of a dense evaluation.

    Args:
        count: number of frames of the video, n.
        frames: number of frames of a clip, T.

    Returns:
        int array `[2, T]`: `linspace(0, n - 1, T)` rounded down, and the same half a step later,
        at most n - 1.
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
