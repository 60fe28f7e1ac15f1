"""Interactions: short clips of hands and things whose actions only the order of time tells apart.

A stand-in, made anywhere, for datasets of the kind of Something-Something.
"""

import numpy as np

from rstg_tf.data.source import Source, clip_seed
from rstg_tf.data.synthetic import choreography, rendering
from rstg_tf.registry import SOURCES

CLASS_NAMES = [name for _, *names in choreography.ACTIONS for name in names]


@SOURCES.register("interactions", hidden=("split", "seed", "num_examples"))
class Interactions(Source):
    """Renders clips of 20 classes: 10 actions and their twins, the same played backwards.

    Class `2 k + 1` is class `2 k` reversed in time, noise, light and camera shake included, so
    the frames of a clip in any other order say nothing about which of the two it shows.

    Args:
        size: Height and width of the frames in pixels, 16 ... 512.
        frames: Number of frames of a clip, at least 2.
        distractors: Bystanders in a clip: a number from 0 to this one is drawn.
        difficulty: 0 (large and vivid things, nothing else moves, no noise) ... 1 (hard).
        split: `"train"`, `"validation"` or `"test"`; splits share no clip.
        seed: Seed of the dataset, at least 0.
        num_examples: Number of clips of the split, where it has to have an end; by default
            10,000 for training and 2,000 otherwise.

    Raises:
        ValueError: An argument is out of its range.

    Example:
        >>> clips, labels = Interactions(size=64, split="test").batch(range(8))
        >>> clips.shape
        (8, 16, 64, 64, 3)
    """

    name = "interactions"
    frame_rate = 12.0
    class_names = CLASS_NAMES

    def __init__(
        self,
        size: int = 64,
        frames: int = 16,
        distractors: int = 2,
        difficulty: float = 0.5,
        split: str = "train",
        seed: int = 0,
        num_examples: int | None = None,
    ):
        if not 16 <= size <= 512:
            raise ValueError(f"`size` must be from 16 to 512 pixels. Received: {size}")
        if frames < 2:
            raise ValueError(f"`frames` must be at least 2. Received: {frames}")
        if distractors < 0:
            raise ValueError(f"`distractors` must be at least 0. Received: {distractors}")
        if not 0 <= difficulty <= 1:
            raise ValueError(f"`difficulty` must be from 0 to 1. Received: {difficulty}")
        if split not in ("train", "validation", "test"):
            raise ValueError(
                f'`split` must be "train", "validation" or "test". Received: {split!r}'
            )
        if seed < 0:
            raise ValueError(f"`seed` must be at least 0. Received: {seed}")
        self.size = size
        self.frames = frames
        self.distractors = distractors
        self.difficulty = difficulty
        self.split = split
        self.seed = seed
        default = 10_000 if split == "train" else 2_000
        self.num_examples = default if num_examples is None else num_examples
        if self.num_examples < 1:
            raise ValueError(f"`num_examples` must be at least 1. Received: {num_examples}")

    @property
    def clip_shape(self):
        """Shape `(T, H, W, C)` of a clip."""
        return (self.frames, self.size, self.size, 3)

    @classmethod
    def facts_of(cls, description):
        """`Facts`: each class has a twin."""
        twins = tuple((label, label + 1) for label in range(0, len(CLASS_NAMES), 2))
        return super().facts_of(description)._replace(twins=twins)

    def describe(self):
        """Returns a JSON-ready dict of what defines the clips."""
        return {
            "generator": "Interactions",
            "source": "rendered by rstg_tf.data.synthetic.interactions",
            "size": self.size,
            "frames": self.frames,
            "distractors": self.distractors,
            "difficulty": self.difficulty,
            "seed": self.seed,
        }

    def batch(self, indices, labels=None):
        """Renders clips; a clip depends on the arguments of the dataset and its index only.

        Args:
            indices: Numbers of the clips, ints of at least 0, `[n]`.
            labels: Classes to show, `[n]`, instead of those drawn for each clip. Shown as the
                twin class, a clip is reversed in time.

        Returns:
            `(clips, labels)`: uint8 `[n, T, H, W, C]` and int64 `[n]`.
        """
        indices = np.asarray(indices, np.int64)
        clips = np.empty((len(indices), *self.clip_shape), np.uint8)
        chosen = np.empty(len(indices), np.int64)
        for n, index in enumerate(indices):
            rng = np.random.default_rng(clip_seed(self.name, self.split, self.seed, index))
            chosen[n] = rng.integers(len(CLASS_NAMES))
            if labels is not None:
                chosen[n] = labels[n]
            self._render(rng, int(chosen[n]), clips[n])
        return clips, chosen

    def _render(self, rng, label, out):
        hard, times = self.difficulty, np.linspace(0.0, 1.0, self.frames)
        stage = choreography.Stage(rng, times, size=1 - 0.4 * hard, vividness=1 - 0.5 * hard)
        for _ in range(rng.integers(self.distractors + 1)):
            choreography.pass_by(stage, 0.6 * hard)
        choreography.ACTIONS[label // 2][0](stage)
        rendering.render_clip(
            self._background(stage),
            np.array(stage.kinds),
            np.array(stage.sizes) * self.size,
            np.array(stage.colours),
            np.stack(stage.tracks, axis=1) * [self.size, self.size, 1, 1],
            self._camera(rng, times),
            1 + 0.2 * hard * (_wander(rng, times, 1) + 0.3 * _wander(rng, times, 3)),
            16.0 * hard,
            np.uint64(rng.integers(1, 2**63)),
            out,
        )
        if label % 2:
            out[:] = out[::-1].copy()

    def _camera(self, rng, times):
        """Draws how the camera shakes and pans, in pixels `[T, 2]`."""
        pan = (times[:, None] - 0.5) * rng.uniform(-1, 1, 2) * [0.3, 0.15]
        return self.difficulty * self.size * (pan + 0.03 * _wander(rng, times, 2))

    def _background(self, stage):
        rng, margin = stage.rng, self.size // 5 + 2
        length = self.size + 2 * margin
        clouds = rng.normal(0.0, 8.0 + 12.0 * self.difficulty, (7, 7, 1))
        clouds = clouds + rng.normal(0.0, 6.0, (7, 7, 3))
        stripes = np.stack(
            [
                rng.uniform(0, np.pi, 2),
                rng.uniform(0.05, 0.25, 2) * self.size,
                rng.uniform(0, 1, 2),
                rng.uniform(0, 6 + 12 * self.difficulty, 2),
            ],
            axis=1,
        )
        wall, table = rng.uniform(60, 190, 2)[:, None] + rng.uniform(-20, 20, (2, 3))
        background = np.empty((length, length, 3), np.float32)
        table_y = margin + stage.table * self.size
        rendering.paint_background(wall, table, table_y, stripes, clouds, background)
        return background


def _wander(rng, times, count):
    """Draws `[T, count]` smooth paths within [-1, 1]; the same in distribution backwards."""
    speed = rng.uniform(0.5, 3.0, (2, count))
    phase = rng.uniform(0.0, 2 * np.pi, (2, count))
    return np.sin(2 * np.pi * times[:, None, None] * speed + phase).mean(axis=1)
