"""SyncMNIST: which two of several moving digits move in synchrony?"""

import functools
import hashlib
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from rstg_tf.data.source import CLIPS_PER_TRAINING, Facts, Source, clip_seed
from rstg_tf.data.synthetic import digit_motion
from rstg_tf.data.synthetic.digit_motion import bilinear_weights
from rstg_tf.data.synthetic.digits import load_digits
from rstg_tf.data.synthetic.trajectories import load_trajectories
from rstg_tf.registry import SOURCES

NO_PAIR = 45
_DIGITS = 5
CLASS_NAMES = [f"{a} and {b}" for a in range(10) for b in range(a)] + ["no pair"]
_VIDEOS_PER_IMAGE = {"train": 10, "validation": 0.1, "test": 1}

_SOURCES = {
    "mnist": "digits of MNIST",
    "embedded": "digits of scikit-learn (8x8 pixels, enlarged)",
}


def pair_label(a, b):
    """Returns the class of the unordered pair of digits `a` and `b`, arrays or numbers."""
    high, low = np.maximum(a, b), np.minimum(a, b)
    return high * (high - 1) // 2 + low


class Plan(NamedTuple):
    """What one video shows.

    Attributes:
        digits: int64 `[n]`: images of the digits; the first two are the pair.
        track: int64 `[T, n, 2]`: (y, x) of their top left corners on the canvas.
        parts: int64 `[p]`: images that the noise parts are cut from.
        part_track: int64 `[T, p, 2]`: (y, x) of their top left corners.
        synchronous: Whether the first two digits move in synchrony.
    """

    digits: np.ndarray
    track: np.ndarray
    parts: np.ndarray
    part_track: np.ndarray
    synchronous: bool


@SOURCES.register("syncmnist", hidden=("split", "seed", "source", "num_videos"))
class SyncMNIST(Source):
    """Makes videos of moving digits, two of which move in synchrony.

    The 46 classes are the 45 unordered pairs of digit classes and "no pair is synchronous", which
    has probability 1/92 in the published task (Nicolicioiu, Duta, Leordeanu: "Recurrent Space-time
    Graph Neural Networks", NeurIPS 2019, section 4.1).

    Args:
        digits: Number of digits, of as many classes, 2 ... 10.
        frames: Number of frames, at least 2.
        size: Height and width of the frames; the canvas of 100x100 pixels is resized to it.
        noise_parts: Number of moving 8x8 cuts of digit images.
        z_order: `"authors"`: the pair lies below the other digits, which leaks part of the label
            but compares with published figures; `"shuffled"`: in a random order for each video.
        persistence: Chance, in [0, 1), that a digit (or the pair) keeps its last step. 0 is the
            published task.
        annealing: Two numbers of videos `(hold, end)`, to learn from easy motion to the true one:
            `persistence` holds for the first `hold` videos of a training, then falls linearly and
            is 0 from video `end` on. None: it stays.
        no_pair: Probability of "no pair", in [0, 1].
        split: `"train"`, `"validation"` (other videos of the training digits) or `"test"`.
        seed: Seed of the dataset, at least 0.
        source: Of the digits, as in `load_digits`.
        mnist_path: `.npz` file of MNIST, as in `load_digits`.
        trajectories: File of the authors' trajectories to follow; it then gives the numbers of
            digits, frames, noise parts and videos. Video `i` is its entry `(i // S, i % S)`;
            after the last it starts again.
        num_videos: Number of videos of the split, where it has to have an end; by default 10 for
            each image of the training split, 1 for each image of the test split.

    Raises:
        ValueError: An argument is out of its range, or the trajectories don't fit the digits.

    Example:
        >>> clips, labels = SyncMNIST(digits=3, split="test").batch(range(8))
        >>> clips.shape
        (8, 10, 64, 64, 1)
    """

    frame_rate = 10.0
    class_names = CLASS_NAMES

    def __init__(
        self,
        digits: int = _DIGITS,
        frames: int = 10,
        size: int = 64,
        noise_parts: int = 0,
        z_order: str = "authors",
        persistence: float = 0.0,
        annealing: Sequence[int] | None = None,
        no_pair: float = 1 / 92,
        split: str = "train",
        seed: int = 0,
        source: str = "auto",
        mnist_path: str | None = None,
        trajectories: str | None = None,
        num_videos: int | None = None,
    ):
        if split not in _VIDEOS_PER_IMAGE:
            raise ValueError(
                f'`split` must be "train", "validation" or "test". Received: {split!r}'
            )
        if z_order not in ("authors", "shuffled"):
            raise ValueError(f'`z_order` must be "authors" or "shuffled". Received: {z_order!r}')
        for name, value, low, high in (
            ("digits", digits, 2, 10),
            ("frames", frames, 2, 10_000),
            ("size", size, 8, 1024),
            ("noise_parts", noise_parts, 0, 10_000),
            ("seed", seed, 0, 2**63),
        ):
            if not low <= value <= high:
                raise ValueError(f"`{name}` must be from {low} to {high}. Received: {value}")
        if not 0 <= persistence < 1:
            raise ValueError(f"`persistence` must be in [0, 1). Received: {persistence}")
        if not 0 <= no_pair <= 1:
            raise ValueError(f"`no_pair` must be in [0, 1]. Received: {no_pair}")
        if annealing is not None and not (len(annealing) == 2 and 0 <= annealing[0] < annealing[1]):
            raise ValueError(
                "`annealing` must be None or two numbers of videos with 0 <= hold < end. "
                f"Received: {annealing}"
            )
        if num_videos is not None and num_videos < 1:
            raise ValueError(f"`num_videos` must be at least 1. Received: {num_videos}")
        self.split = split
        self._recorded = None if trajectories is None else load_trajectories(trajectories)
        # After all that may be wrong, because MNIST may have to be downloaded.
        self._digits = load_digits("test" if split == "test" else "train", source, mnist_path)
        self.source = self._digits.source
        if self._recorded is not None:
            self._check_recorded(trajectories)
            frames, digits = self._recorded.coords_digits.shape[2:4]
            noise_parts = self._recorded.noise_coords.shape[3]
        self.digits = digits
        self.frames = frames
        self.size = size
        self.z_order = z_order
        self.noise_parts = noise_parts
        self.persistence = persistence
        self.no_pair = no_pair
        self.annealing = None if annealing is None else list(annealing)
        self.seed = seed
        self.num_examples = self._count() if num_videos is None else num_videos
        # The compiled code works on frames with x first: see `resize_transposed`.
        self._images = np.ascontiguousarray(self._digits.images.transpose(0, 2, 1))
        self._by_class = np.argsort(self._digits.labels, kind="stable")
        self._class_starts = np.searchsorted(self._digits.labels[self._by_class], np.arange(11))
        self._resize = bilinear_weights(digit_motion.CANVAS, size)

    @property
    def name(self):
        """Name of the dataset."""
        return f"syncmnist{self.digits}"

    @property
    def clip_shape(self):
        """Shape `(T, H, W, C)` of a video."""
        return (self.frames, self.size, self.size, 1)

    @functools.cached_property
    def facts(self):
        """`Facts` of the dataset."""
        return self.facts_of({"digits": self.digits})

    @classmethod
    def facts_of(cls, description):
        """`Facts`: a model that names the digits but not the pair is right once in all pairs."""
        digits = description.get("digits", _DIGITS)
        if digits not in range(2, 11):
            raise ValueError(f"`digits` must be from 2 to 10. Received: {digits!r}")
        return Facts(2 / (digits * (digits - 1)), no_pair=NO_PAIR, is_rendered=True)

    def describe(self):
        """Returns a JSON-ready dict of what defines the videos."""
        arrays = (self._digits.images, self._digits.labels, *(self._recorded or ()))
        checksum = hashlib.sha256(b"".join(np.ascontiguousarray(array) for array in arrays))
        return {
            "generator": "SyncMNIST",
            "source": _SOURCES[self.source],
            "recorded_trajectories": self._recorded is not None,
            "digits_and_trajectories_sha256": checksum.hexdigest(),
            "digits": self.digits,
            "frames": self.frames,
            "size": self.size,
            "z_order": self.z_order,
            "noise_parts": self.noise_parts,
            "persistence": self.persistence,
            "annealing": self.annealing,
            "no_pair": self.no_pair,
            "seed": self.seed,
        }

    def batch(self, indices):
        """Makes videos; a video depends on the arguments of the dataset and its index only.

        Args:
            indices: Numbers of the videos, ints of at least 0, `[n]`.

        Returns:
            `(clips, labels)`: uint8 `[n, T, H, W, 1]` and int64 `[n]`.
        """
        indices = np.asarray(indices, np.int64)
        clips = np.empty((len(indices), *self.clip_shape), np.uint8)
        labels = np.empty(len(indices), np.int64)
        shuffled = self.z_order == "shuffled"
        for n, index in enumerate(indices):
            state = self._state(index)
            plan = self._plan(state, index)
            digit_motion.draw_video(
                state,
                self._images,
                plan.digits,
                plan.track,
                plan.parts,
                plan.part_track,
                shuffled,
                *self._resize,
                clips[n, ..., 0],
            )
            labels[n] = self._label(plan)
        return clips, labels

    def plan(self, index):
        """Returns the `Plan` of one video: what is in it and where it moves."""
        return self._plan(self._state(index), index)

    def persistence_at(self, index):
        """Returns the chance that digits keep their last step in one video."""
        if self.annealing is None:
            return self.persistence
        hold, end = self.annealing
        left = (end - index % CLIPS_PER_TRAINING) / (end - hold)
        return self.persistence * min(max(left, 0.0), 1.0)

    def _state(self, index):
        return clip_seed(self.name, self.split, self.seed, index).generate_state(1, np.uint64)

    def _plan(self, state, index):
        if self._recorded is not None:
            return self._recorded_plan(index)
        digits = np.empty(self.digits, np.int64)
        track = np.empty((self.frames, self.digits, 2), np.int64)
        persistence = self.persistence_at(index)
        synchronous = digit_motion.draw_motion(
            state,
            self._class_starts,
            self._by_class,
            persistence,
            self.no_pair,
            digits,
            track,
        )
        parts = np.empty(self.noise_parts, np.int64)
        part_track = np.empty((self.frames, self.noise_parts, 2), np.int64)
        digit_motion.draw_parts(state, len(self._images), persistence, parts, part_track)
        return Plan(digits, track, parts, part_track, synchronous)

    def _recorded_plan(self, index):
        recorded = self._recorded
        repetitions, images = recorded.sincron_prob.shape
        entry = divmod(int(index) % (repetitions * images), images)
        return Plan(
            recorded.ind_digits[entry],
            recorded.coords_digits[entry],
            recorded.ind_rand_part[entry],
            recorded.noise_coords[entry],
            bool(recorded.sincron_prob[entry]),
        )

    def _label(self, plan):
        if not plan.synchronous:
            return NO_PAIR
        return pair_label(*self._digits.labels[plan.digits[:2]])

    def _count(self):
        if self._recorded is not None:
            return self._recorded.sincron_prob.size
        return int(_VIDEOS_PER_IMAGE[self.split] * len(self._digits.images))

    def _check_recorded(self, path):
        recorded, labels = self._recorded, self._digits.labels
        images = np.arange(recorded.ind_digits.shape[1])
        fits = all(
            np.all((values >= 0) & (values < bound))
            for values, bound in (
                (recorded.ind_digits, len(labels)),
                (recorded.ind_rand_part, len(labels)),
                (recorded.coords_digits, digit_motion.CANVAS - digit_motion.DIGIT + 1),
                (recorded.noise_coords, digit_motion.CANVAS - digit_motion.PART + 1),
            )
        )
        if not (
            fits
            and np.all(recorded.ind_digits[:, :, 0] == images)
            and np.array_equal(labels[recorded.ind_digits[:, :, 1:]], recorded.set_digits)
        ):
            raise ValueError(
                f"The trajectories don't fit the {self.source} digits of the {self.split} split: "
                "images, their classes or positions differ from those recorded. "
                f"Received: {path}"
            )
