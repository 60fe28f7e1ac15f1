"""What a source of clips is, and what it states about itself."""

import functools
import zlib
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from rstg_tf.registry import SOURCES

# Clips of a training are numbered from a multiple of this, so that trainings of different seeds
# share no clip.
CLIPS_PER_TRAINING = 2**40


class Facts(NamedTuple):
    """What must be known of a dataset to judge a model that was measured on it.

    Attributes:
        chance: Accuracy of a model that knows what can be known without what the dataset asks for.
        twins: Pairs `(a, b)` of class indices that show one action forwards and backwards.
        no_pair: Index of the class "no pair is synchronous", or None.
        is_rendered: Whether clips are made by program; otherwise they were filmed.
    """

    chance: float
    twins: tuple[tuple[int, int], ...] = ()
    no_pair: int | None = None
    is_rendered: bool = False


class Source:
    """A dataset as trainings and evaluations read it: a generator, or `rstg_tf.data.Shards`.

    A generator makes its clips, any of them in any process: it has `batch` and `describe`, and is
    registered in `rstg_tf.registry.SOURCES`. Its constructor takes `split` and `seed`; all its
    other arguments but those registered as `hidden` are settings of experiments. Shards are read
    record by record, see there.

    Attributes:
        name: Name of the dataset, part of a file name.
        split: `"train"`, `"validation"` or `"test"`.
        class_names: Names of the classes, in the order of the labels.
        clip_shape: `(T, H, W, C)` of a clip.
        num_examples: Number of clips of the split.
        frame_rate: Of generated clips, in frames per second.
    """

    name: str
    split: str
    class_names: list[str]
    clip_shape: tuple[int, int, int, int]
    num_examples: int
    frame_rate: float

    @functools.cached_property
    def facts(self) -> Facts:
        """`Facts` of the dataset."""
        return self.facts_of({})

    @classmethod
    def facts_of(cls, description: Mapping[str, Any]) -> Facts:
        """Returns the `Facts` of clips that a generator made before.

        Args:
            description: What its `describe` returned; what is missing has its default.
        """
        return Facts(1 / len(cls.class_names), is_rendered=True)

    def describe(self) -> dict[str, Any]:
        """Returns a JSON-ready dict of what defines the clips of a generator."""
        raise NotImplementedError

    def batch(self, indices: Sequence[int]) -> tuple[np.ndarray, np.ndarray]:
        """Makes clips; each depends on the arguments of the generator and its index only.

        Args:
            indices: Numbers of the clips, ints of at least 0, `[n]`.

        Returns:
            `(clips, labels)`: uint8 `[n, T, H, W, C]` and int64 `[n]`.
        """
        raise NotImplementedError


def find_facts(class_names: Sequence[str], description: Mapping[str, Any]) -> Facts:
    """Finds the facts of clips whose dataset was not asked for them, by their class names.

    `description` is what the generator's `describe` returned, if known. Without a generator of
    these classes, the facts are those of filmed clips of which nothing is known.
    """
    for generator in map(SOURCES.get, SOURCES.list()):
        if list(getattr(generator, "class_names", ())) == list(class_names):
            return generator.facts_of(description)
    return Facts(1 / len(class_names))


def clip_seed(dataset: str, split: str, seed: int, index: int) -> np.random.SeedSequence:
    """Returns the seed of one clip, the same in any worker and order.

    Two datasets or splits never share a stream; `seed` and `index` are at least 0.
    """
    family = zlib.crc32(f"{dataset}/{split}".encode())
    return np.random.SeedSequence((family, int(seed), int(index)))
