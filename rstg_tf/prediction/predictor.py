"""The classes that a model sees in a video."""

import dataclasses
import os
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import tensorflow as tf

from rstg_tf.data.pipeline.clips import Clips
from rstg_tf.data.pipeline.sampling import sample_frames
from rstg_tf.data.videos import VideoLimits, VideoReader
from rstg_tf.text import printable

if TYPE_CHECKING:
    from rstg_tf.evaluation.subject import Subject


class ClassProbability(NamedTuple):
    """A class and how likely a model takes it to be."""

    name: str
    probability: float


@dataclasses.dataclass(frozen=True, eq=False)
class Prediction:
    """What a model sees in a video.

    Attributes:
        classes: list of `ClassProbability`, the likeliest first.
        video: path of the file, as it was given; None for an array.
        count: number of frames of the video.
        numbers: int array `[T]`: the frames that the model saw.
        clip: what it saw, uint8 `[T, H, W, C]`.
    """

    classes: list[ClassProbability]
    video: str | os.PathLike | None
    count: int
    numbers: np.ndarray = dataclasses.field(repr=False)
    clip: np.ndarray = dataclasses.field(repr=False)

    def __str__(self) -> str:
        """A line for each class."""
        return "\n".join(f"{chance:6.1%}  {printable(name)}" for name, chance in self.classes)


class Predictor:
    """Takes of each video the clip that an evaluation would take, and asks the model.

    Args:
        model: name of a published model, folder of a training, or path of a SavedModel; or what
            `rstg_tf.evaluation.subject.load_subject` made of one.
        frames: frames of a clip; by default as the model was trained.
        size: height and width of a clip; by default as the model was trained.
        short_side: pixels of the short side at the scale of a clip, see `Clips`; by default as the
            model was trained on whole videos, else `size`.
        top: number of classes of a prediction.
        limits: `VideoLimits` of the videos.
        zoo: folder of published models, see `rstg_tf.list_models`.

    Raises:
        ValueError: there is no such model, nothing says which clips it takes, or a value is
            impossible.

    Example:
        >>> rstg_tf.Predictor("interactions_rstg")("pushing.webm").classes[0]
        ClassProbability(name='Pushing something from left to right', probability=0.97)
    """

    def __init__(
        self,
        model: "str | os.PathLike | Subject",
        frames: int | None = None,
        size: int | None = None,
        short_side: int | None = None,
        top: int = 5,
        limits: VideoLimits = VideoLimits(),  # noqa: B008 - immutable.
        zoo: str | os.PathLike | None = None,
    ) -> None:
        # Not before a model is loaded: clients of a server need nothing of experiments.
        from rstg_tf.evaluation.subject import load_subject

        if top < 1:
            raise ValueError(f"`top` must be positive. Received: top={top}")
        subject = load_subject(model, zoo) if isinstance(model, str | os.PathLike) else model
        self.model = subject.model
        self.clips = clips_as_trained(subject, frames, size, short_side)
        self.top = top
        self.limits = limits
        self._name = subject.name
        self._class_names = subject.class_names

    def __call__(self, video: str | os.PathLike | np.ndarray) -> Prediction | list[Prediction]:
        """Predicts the classes of a video.

        Args:
            video: path of a video file; or a clip, uint8 `[T, H, W, C]`, or clips
                `[B, T, H, W, C]`, which go to the model as they are.

        Returns:
            A `Prediction`; for `[B, T, H, W, C]` a list of B.

        Raises:
            ValueError: it is no video, or a damaged one (a `VideoError`), an array of another
                type or shape, or the model takes no RGB.
        """
        if isinstance(video, str | os.PathLike):
            channels = getattr(self.model, "channels", 3)
            if channels != 3:
                raise ValueError(
                    f"Videos have 3 channels, the model takes {channels}. Received: {self._name}"
                )
            count, numbers, frames = frames_of_clip(video, self.clips, self.limits)
            clip = self.clips.centre(frames)
            return Prediction(self._classes(clip[None])[0], video, count, numbers, clip)
        clips = np.asarray(video)
        if clips.dtype != np.uint8 or clips.ndim not in (4, 5):
            raise ValueError(
                "A video must be a path, or uint8 [T, H, W, C] or [B, T, H, W, C]. "
                f"Received: {clips.dtype} of shape {clips.shape}"
            )
        batch = clips if clips.ndim == 5 else clips[None]
        count = batch.shape[1]
        predictions = [
            Prediction(classes, None, count, np.arange(count), clip)
            for classes, clip in zip(self._classes(batch), batch, strict=True)
        ]
        return predictions if clips.ndim == 5 else predictions[0]

    def _classes(self, clips):
        """The likeliest classes of every clip."""
        outputs = self.model(clips)
        if "probabilities" in outputs:
            scores = outputs["probabilities"].numpy()
        else:  # Any SavedModel that can be evaluated.
            scores = tf.nn.softmax(outputs["logits"]).numpy()
        names = self._class_names or [f"class {index}" for index in range(scores.shape[1])]
        best = np.argsort(-scores, axis=-1, kind="stable")[:, : self.top]
        return [
            [ClassProbability(names[index], float(row[index])) for index in order]
            for row, order in zip(scores, best, strict=True)
        ]

    def attention(self, clip: np.ndarray) -> np.ndarray | None:
        """Attention of the model's last RSTG block over a clip.

        Args:
            clip: uint8 `[T, H, W, C]`.

        Returns:
            float32 `[S, K, E]` at the block's S time steps, or None where the model has no block.
        """
        if getattr(self.model, "block", None) is None or self.model.block.variant == "time_only":
            return None
        return self.model.attention(clip[None])[0].numpy()


def frames_of_clip(
    video: str | os.PathLike,
    clips: Clips,
    limits: VideoLimits = VideoLimits(),  # noqa: B008 - immutable.
) -> tuple[int, np.ndarray, list[np.ndarray]]:
    """The frames of a video that an evaluation would take, as `(count, numbers, frames)`.

    These are the number of frames of the video, int array `[T]` of those taken, and a list of them,
    uint8 `[h, w, 3]`, where the lesser of h and w is `clips.short_side`. Raises a ValueError,
    a `VideoError`, where it is no video, or a damaged one.
    """
    with VideoReader(video, limits=limits) as reader:
        count = reader.count()
    numbers = sample_frames(count, clips.frames, clips.sampling, clips.stride)
    with VideoReader(video, short_side=clips.short_side, limits=limits) as reader:
        shown = reader.take(numbers.tolist())
    return count, numbers, [shown[number] for number in numbers.tolist()]


def clips_as_trained(subject, frames=None, size=None, short_side=None):
    """The `Clips` that a subject's model takes, as its config says where nothing else is wanted.

    Raises a ValueError where nothing says it, or a value is impossible.
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
