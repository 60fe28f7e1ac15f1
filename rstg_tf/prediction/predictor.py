"""The classes that a model sees in a video file."""

from typing import NamedTuple

import numpy as np
import tensorflow as tf

from rstg_tf.data.pipeline.clips import Clips
from rstg_tf.data.pipeline.sampling import sample_frames
from rstg_tf.data.videos import VideoLimits, VideoReader


class Prediction(NamedTuple):
    """What a model sees in a video.

    Attributes:
        video: path of the file, as it was given.
        classes: list of `(name, probability)`, the likeliest first.
        count: number of frames of the video.
        numbers: int array `[T]`: the frames that the model saw.
        clip: what it saw, uint8 `[T, H, W, 3]`.
    """

    video: object
    classes: list
    count: int
    numbers: np.ndarray
    clip: np.ndarray


class Predictor:
    """Takes of each video the clip that an evaluation would take, and asks the model.

    Args:
        subject: what `rstg_tf.evaluation.subject.load_subject` returned.
        frames: frames of a clip; by default as the model was trained.
        size: height and width of a clip; by default as the model was trained.
        short_side: pixels of the short side at the scale of a clip, see `Clips`; by default as the
            model was trained on whole videos, else `size`.
        top: number of classes of a prediction.
        limits: `VideoLimits` of the videos.

    Raises:
        ValueError: the model takes no RGB, nothing says which clips it takes, or a value is
            impossible.

    Example:
        >>> predictor = Predictor(load_subject("interactions_rstg"))
        >>> predictor("pushing.webm").classes[0]
        ('Pushing something from left to right', 0.97)
    """

    def __init__(
        self,
        subject,
        frames=None,
        size=None,
        short_side=None,
        top=5,
        limits=VideoLimits(),  # noqa: B008 - immutable.
    ):
        channels = getattr(subject.model, "channels", 3)
        if channels != 3:
            raise ValueError(
                f"Videos have 3 channels, the model takes {channels}. Received: {subject.name}"
            )
        if top < 1:
            raise ValueError(f"`top` must be positive. Received: top={top}")
        self.model = subject.model
        self.clips = clips_as_trained(subject, frames, size, short_side)
        self.top = top
        self.limits = limits
        self._class_names = subject.class_names

    def __call__(self, video):
        """Predicts the classes of a video.

        Args:
            video: path of a video file.

        Returns:
            A `Prediction`.

        Raises:
            ValueError: it is no video, or a damaged one; a `VideoError`.
        """
        count, numbers, frames = frames_of_clip(video, self.clips, self.limits)
        clip = self.clips.centre(frames)
        outputs = self.model(clip[None])
        if "probabilities" in outputs:
            scores = outputs["probabilities"].numpy()[0]
        else:  # Any SavedModel that can be evaluated.
            scores = tf.nn.softmax(outputs["logits"]).numpy()[0]
        best = np.argsort(-scores, kind="stable")[: self.top]
        classes = [(self._name(index), float(scores[index])) for index in best]
        return Prediction(video, classes, count, numbers, clip)

    def attention(self, clip):
        """Attention of the model's last RSTG block over a clip.

        Args:
            clip: uint8 `[T, H, W, 3]`.

        Returns:
            float32 `[S, K, E]` at the block's S time steps, or None where the model has no block.
        """
        if getattr(self.model, "block", None) is None or self.model.block.variant == "time_only":
            return None
        return self.model.attention(clip[None])[0].numpy()

    def _name(self, index):
        return self._class_names[index] if self._class_names else f"class {index}"


def frames_of_clip(video, clips, limits=VideoLimits()):  # noqa: B008 - immutable.
    """The frames of a video that an evaluation would take.

    Args:
        video: path of a video file.
        clips: `rstg_tf.data.pipeline.clips.Clips`.
        limits: `VideoLimits`.

    Returns:
        `(count, numbers, frames)`: number of frames of the video, int array `[T]` of those taken,
        and a list of them, uint8 `[h, w, 3]`, where the lesser of h and w is `clips.short_side`.

    Raises:
        ValueError: it is no video, or a damaged one; a `VideoError`.
    """
    with VideoReader(video, limits=limits) as reader:
        count = reader.count()
    numbers = sample_frames(count, clips.frames, clips.sampling, clips.stride)
    with VideoReader(video, short_side=clips.short_side, limits=limits) as reader:
        shown = reader.take(numbers.tolist())
    return count, numbers, [shown[number] for number in numbers.tolist()]


def clips_as_trained(subject, frames=None, size=None, short_side=None):
    """The clips that a model takes, as its config says where nothing else is wanted.

    Args:
        subject: what `rstg_tf.evaluation.subject.load_subject` returned.
        frames: frames of a clip.
        size: height and width of a clip.
        short_side: pixels of the short side at the scale of a clip, see `Clips`.

    Returns:
        `rstg_tf.data.pipeline.clips.Clips`.

    Raises:
        ValueError: nothing says it, or a value is impossible.
    """
    known = {}
    if subject.config is not None:
        data = subject.config.validation_data
        if data.input_path:
            known = data.clips.as_dict()
        else:
            source = data.source.get()
            known = {"frames": source.frames, "size": source.size, "short_side": source.size}
    wanted = {"frames": frames, "size": size, "short_side": short_side}
    known |= {name: value for name, value in wanted.items() if value is not None}
    missing = [name for name in ("frames", "size") if name not in known]
    if missing:
        raise ValueError(
            f"No config lies beside {subject.name}: say which clips it takes "
            f"({', '.join(f'--{name}' for name in missing)})"
        )
    known["short_side"] = max(known.get("short_side", 0), known["size"])
    return Clips(**known)
