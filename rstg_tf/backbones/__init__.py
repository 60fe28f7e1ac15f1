"""Backbones: layers from clips `[B, T, H, W, C]` to feature maps `[B, T, h, w, D]`."""

from rstg_tf.backbones.inflation import KERAS_GEOMETRY, inflate
from rstg_tf.backbones.model_garden import add_rstg
from rstg_tf.backbones.simple_conv import SimpleConv
from rstg_tf.backbones.video_resnet import C2D_KERNELS, I3D_KERNELS, VideoResNet

__all__ = [
    "BACKBONES",
    "C2D_KERNELS",
    "I3D_KERNELS",
    "KERAS_GEOMETRY",
    "SimpleConv",
    "VideoResNet",
    "add_rstg",
    "build_backbone",
    "inflate",
]

BACKBONES = {"simple_conv": SimpleConv, "video_resnet": VideoResNet}


def build_backbone(name, **options):
    """Builds the backbone called `name`.

    Args:
        name: a key of `BACKBONES`.
        **options: the backbone's own arguments.

    Returns:
        A layer from `[B, T, H, W, C]` to `[B, T, h, w, D]`.  Its attribute `per_frame` says that
        no frame sees another one, `min_size` is the smallest height and width it takes.

    Raises:
        ValueError: if there is no such backbone.
    """
    if name not in BACKBONES:
        raise ValueError(f"A backbone is one of {sorted(BACKBONES)}. Received: backbone={name!r}")
    return BACKBONES[name](name="backbone", **options)
