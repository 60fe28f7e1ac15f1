"""Backbones: layers from clips `[B, T, H, W, C]` to feature maps `[B, T, h, w, D]`.

A backbone is a Keras layer that `rstg_tf.registry.BACKBONES` knows by name. The constructor's
arguments have defaults, and become the settings of experiments. Besides, it needs:

- `call(clips, training=None)`: float clips, already scaled, of any batch size and length (two or
  more frames, or one where `per_frame`), to float maps. It may have fewer steps, so `T` may shrink.
- `per_frame`: whether no frame sees another one; only then can a classifier go frame by frame,
  and its `step` calls the backbone with clips of one frame.
- `min_size`: the smallest height and width that it takes, in pixels.
- `blocks`, only where there are RSTG blocks inside: a dict from place (`"res3"`, say) to block.
  Then `call(clips, return_attention=True)` returns the maps, and a dict from place to the
  attention `[B, T, K, E]`.
- `get_config()`, as every Keras layer.
"""

from rstg_tf.backbones.inflation import KERAS_GEOMETRY, inflate
from rstg_tf.backbones.model_garden import add_rstg
from rstg_tf.backbones.simple_conv import SimpleConv
from rstg_tf.backbones.video_resnet import C2D_KERNELS, I3D_KERNELS, VideoResNet

__all__ = [
    "C2D_KERNELS",
    "I3D_KERNELS",
    "KERAS_GEOMETRY",
    "SimpleConv",
    "VideoResNet",
    "add_rstg",
    "inflate",
]
