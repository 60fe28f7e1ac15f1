"""Random numbers that depend on what is made, not on when or where it is made."""

import zlib

import numpy as np

# Clips of a training are numbered from a multiple of this, so that trainings of different seeds
# share no clip.
CLIPS_PER_TRAINING = 2**40


def clip_seed(dataset, split, seed, index):
    """Returns the seed of one clip.

    Any worker may make any clip in any order and gets the same one.

    Args:
        dataset: Name of the data set; two data sets never share a stream.
        split: Name of the split; two splits never share a stream.
        seed: Seed of the data set, an int of at least 0.
        index: Number of the clip in the split, an int of at least 0.

    Returns:
        A `np.random.SeedSequence`.
    """
    family = zlib.crc32(f"{dataset}/{split}".encode())
    return np.random.SeedSequence((family, int(seed), int(index)))
