"""What an exported model makes of its inputs, and how large these may be."""

from typing import TYPE_CHECKING, NamedTuple

from rstg_tf.data.pipeline.clips import Clips
from rstg_tf.prediction.predictor import clips_as_trained

if TYPE_CHECKING:
    from rstg_tf.evaluation.subject import Subject


class Settings(NamedTuple):
    """How clips are made inside of an exported model, and its limits.

    The limits are there so that one request can't take the memory of the server.

    Attributes:
        clips: how clips are cut out of encoded frames: `size`, `short_side`, and for sequence
            examples `frames` and `sampling`, as in evaluation.
        top: number of the likeliest classes in `classes` and `scores`.
        max_batch: clips or frames of streams that a request may have.
        max_frames: frames that a clip may have.
        max_side: pixels that a side of a clip or of an encoded frame may have.
        max_bytes: bytes that an encoded frame may have.
        max_megapixels: million pixels that the encoded frames of a request may have in all.
        max_clip_megapixels: million pixels that the model may see in one request.
    """

    clips: Clips
    top: int = 5
    max_batch: int = 64
    max_frames: int = 256
    max_side: int = 4096
    max_bytes: int = 2**23
    max_megapixels: int = 256
    max_clip_megapixels: int = 32


def settings_of(
    subject: "Subject",
    frames: int | None = None,
    size: int | None = None,
    short_side: int | None = None,
    **limits: int,
) -> Settings:
    """Settings of a model, as it was trained where nothing else is wanted.

    Args:
        subject: what `rstg_tf.evaluation.subject.load_subject` returned.
        frames: frames of a clip.
        size: height and width of a clip.
        short_side: pixels of the short side at the scale of a clip.
        limits: further attributes of `Settings`.

    Returns:
        `Settings`.

    Raises:
        ValueError: a value is impossible, or nothing says which clips the model takes.
    """
    model = subject.model
    clips = clips_as_trained(subject, frames, size, short_side)
    settings = Settings(clips, **limits)
    settings = settings._replace(top=min(settings.top, model.num_classes))
    if settings.top < 1:
        raise ValueError(f"`top` must be positive. Received: top={settings.top}")
    if settings.max_frames < clips.frames:
        raise ValueError(
            f"`max_frames` must be at least the {clips.frames} of a clip. "
            f"Received: max_frames={settings.max_frames}"
        )
    if not model.backbone.min_size <= clips.size <= settings.max_side:
        raise ValueError(
            f"A clip must be {model.backbone.min_size} to {settings.max_side} pixels wide. "
            f"Received: size={clips.size}"
        )
    for limit in ("max_megapixels", "max_clip_megapixels"):
        least = clips.frames * clips.size**2 / 1e6
        if not least <= getattr(settings, limit) < 2**40:
            raise ValueError(
                f"`{limit}` must be at least the {least:g} of a clip. "
                f"Received: {limit}={getattr(settings, limit)}"
            )
    return settings
