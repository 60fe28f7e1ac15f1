"""Clips out of videos that are stored whole: a few frames, a part of each, changed for training.

Frames are chosen first and only those are decoded; the part that is wanted is cut out before it is
resized. OpenCV does both: on CPU it decodes JPEG at least as fast as TensorFlow and PyAV, and it
resizes uint8 several times faster than `tf.image.resize` (which Model Garden's
`preprocess_ops_3d` uses) resizes whole frames.
"""

import math
import re

import cv2
import numpy as np

from rstg_tf.data.pipeline.sampling import SAMPLINGS, dense_samplings, sample_frames
from rstg_tf.data.shards.sequence_example import decode_frame, parse_example

# Something-Something's classes that name left and right, by index.
NAMED = {
    "something_something_v1": ((2, 4), (30, 41), (52, 66)),
    "something_something_v2": ((86, 87), (93, 94), (166, 167)),
}
_MAX_BYTES = 2**30  # Of all frames of a dense evaluation: a strip of pixels becomes long.


class Clips:
    """How clips are taken from videos that are stored whole.

    Args:
        frames: frames of a clip, T.
        size: height and width of a clip in pixels.
        short_side: what height or width, whichever is less, of the whole frame would be at the
            scale of the clip; the crop is `size` of it.
        sampling: `"uniform"`, `"dense"` or `"random_offset"`, see `sample_frames`.
        stride: distance of the frames of `"dense"`.
        jitter: how far frames move in training, as a part of the distance of two.
        brightness: in training all pixels of a clip become lighter or darker by up to this part
            of the whole range.
        flip: whether half of the clips are mirrored left to right in training.
        swap_labels: the classes that a mirrored clip exchanges, see `parse_swaps`.
        mixup: in training, the parameter of the symmetric beta distribution that says how much of
            a clip is blended with another of its batch, and their labels with them; 0 blends none.

    Raises:
        ValueError: a value that is impossible.
    """

    def __init__(
        self,
        frames=16,
        size=64,
        short_side=72,
        sampling="uniform",
        stride=1,
        jitter=0.0,
        brightness=0.1,
        flip=False,
        swap_labels="",
        mixup=0.0,
    ):
        _require(frames >= 2, "at least 2", frames=frames)
        _require(size >= 1, "positive", size=size)
        _require(short_side >= size, f"at least the size, {size}", short_side=short_side)
        _require(sampling in SAMPLINGS, f"one of {SAMPLINGS}", sampling=sampling)
        _require(stride >= 1, "positive", stride=stride)
        _require(0 <= jitter <= 0.5, "from 0 to 0.5", jitter=jitter)
        _require(0 <= brightness <= 1, "from 0 to 1", brightness=brightness)
        _require(mixup >= 0, "0 or more", mixup=mixup)
        self.frames = frames
        self.size = size
        self.short_side = short_side
        self.sampling = sampling
        self.stride = stride
        self.jitter = jitter
        self.brightness = brightness
        self.flip = flip
        self.swaps = parse_swaps(swap_labels)
        self.mixup = mixup
        self._twin = {a: b for pair in self.swaps for a, b in (pair, pair[::-1])}

    @property
    def shape(self):
        """`(T, H, W, C)` of a clip."""
        return (self.frames, self.size, self.size, 3)

    def check_classes(self, class_names):
        """Checks that a flip turns every clip into one of the class that it is labelled with.

        Args:
            class_names: names of the classes, in order.

        Raises:
            ValueError: a pair to swap names no class, or a class that names left or right is in no
                pair.
        """
        if not self.flip:
            return
        if self._twin and max(self._twin) >= len(class_names):
            raise ValueError(
                f"swap_labels must name classes from 0 to {len(class_names) - 1}. "
                f"Received: {max(self._twin)}"
            )
        for index, name in enumerate(class_names):
            sided = re.search(r"\b(left|right)\b", name.lower().replace("_", " "))
            if sided and index not in self._twin:
                raise ValueError(
                    "A flip turns left into right: swap_labels must pair every class that names "
                    f"one. Received: class {index}, {name!r}, in no pair"
                )

    def read(self, record, out, rng=None):
        """Decodes one clip of a video.

        Args:
            record: a serialized `tf.train.SequenceExample` with JPEG or PNG frames.
            out: uint8 `[T, H, W, 3]`, to be filled with the clip (RGB).
            rng: a `numpy.random.Generator` for training; without one it is the clip of
                evaluation: no random moves, the crop from the centre, unchanged.

        Returns:
            The label, an int.

        Raises:
            ValueError: the record is no such example, or a frame that is needed is damaged.
        """
        images, label = parse_example(record)
        numbers = sample_frames(
            len(images), self.frames, self.sampling, self.stride, self.jitter, rng
        )
        mirrored = self.flip and rng is not None and rng.random() < 0.5
        place = (0.5, 0.5) if rng is None else rng.random(2)
        shift = 0 if rng is None else round(255 * rng.uniform(-self.brightness, self.brightness))
        for k, image in _decoded(images, numbers):
            if not k:
                rows, columns = self._crop(image.shape, place)
            _resize(image[rows, columns], out[k])
            if mirrored:
                out[k] = out[k, :, ::-1]
            if shift:
                _brighten(out[k], shift)
        return self._twin.get(label, label) if mirrored else label

    def centre(self, images):
        """Makes the clip of evaluation of frames that were chosen and decoded before.

        Args:
            images: list of T frames, uint8 `[h, w, 3]`, all of one size.

        Returns:
            uint8 `[T, H, W, 3]`.
        """
        clip = np.empty(self.shape, np.uint8)
        rows, columns = self._crop(images[0].shape, (0.5, 0.5))
        for image, out in zip(images, clip, strict=True):
            _resize(image[rows, columns], out)
        return clip

    def read_whole_frames(self, record):
        """Decodes the frames of a dense evaluation: uncropped, resized to the short side.

        Args:
            record: as in `read`.

        Returns:
            `(frames, label)`: uint8 `[2, T, h, w, 3]` for the two samplings in time, where the
            lesser of h and w is `short_side`, and an int.

        Raises:
            ValueError: as `read`.
        """
        images, label = parse_example(record)
        samplings = dense_samplings(len(images), self.frames)
        numbers = np.unique(samplings)
        frames = None
        for k, image in _decoded(images, numbers):
            if frames is None:
                shape = (len(numbers), *self.resized(image.shape), 3)
                if math.prod(shape) > _MAX_BYTES:
                    raise ValueError(f"its frames would be an array of {shape}, which is too large")
                frames = np.empty(shape, np.uint8)
            _resize(image, frames[k])
        return frames[np.searchsorted(numbers, samplings)], label

    def resized(self, shape):
        """Height and width of a frame `[h, w, ...]` at the scale of the clip."""
        height, width = shape[:2]
        return (
            max(self.short_side, height * self.short_side // width),
            max(self.short_side, width * self.short_side // height),
        )

    def _crop(self, shape, place):
        """Rows and columns of the frame as stored that make the clip."""
        height, width = shape[:2]
        side = max(1, round(self.size * min(height, width) / self.short_side))
        top, left = (
            min(int(part * (length - side + 1)), length - side)
            for part, length in zip(place, (height, width), strict=True)
        )
        return slice(top, top + side), slice(left, left + side)


def _decoded(images, numbers):
    """Yields `(k, frame)` of frame `numbers[k]`, uint8 `[h, w, 3]`, all of one size."""
    before = image = None
    for k, number in enumerate(numbers):
        shape = image.shape if k else None
        if number != before:
            image = decode_frame(images, number)
        if shape not in (None, image.shape):
            raise ValueError(
                f"frame {number} has height, width, channels {image.shape}, "
                f"where {shape} is expected"
            )
        before = number
        yield k, image


def _resize(image, out):
    """Resizes `[h, w, 3]` into an array: the mean of the pixels where it shrinks, else linear."""
    if image.shape == out.shape:
        out[:] = image
        return
    shrinks = image.shape[0] > out.shape[0]
    cv2.resize(
        image,
        out.shape[1::-1],
        dst=out,
        interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR,
    )


def _brighten(image, shift):
    if shift > 0:
        cv2.add(image, (shift,) * 4, dst=image)
    else:
        cv2.subtract(image, (-shift,) * 4, dst=image)


def _require(condition, rule, **setting):
    if not condition:
        ((name, value),) = setting.items()
        raise ValueError(f"{name} must be {rule}. Received: {name}={value!r}")


def parse_swaps(text):
    """Reads pairs of classes.

    Args:
        text: a name of `NAMED`, pairs of class indices such as `"2-4 30-41"`, or `""` for none.

    Returns:
        Tuple of pairs of ints.

    Raises:
        ValueError: it is neither, or a class stands in two pairs.
    """
    if text in NAMED:
        return NAMED[text]
    if not re.fullmatch(r"(\d+-\d+( |$))*", text):
        raise ValueError(
            f'swap_labels must be one of {list(NAMED)}, or pairs such as "2-4 30-41". '
            f"Received: {text!r}"
        )
    pairs = tuple(tuple(map(int, pair.split("-"))) for pair in text.split())
    classes = [index for pair in pairs for index in pair]
    if len(set(classes)) != len(classes):
        raise ValueError(f"A class can be swapped with one other only. Received: {text!r}")
    return pairs
