"""The residual block of a video ResNet."""

import tensorflow as tf

from rstg_tf.layers.configured import ConfiguredLayer, check_choice
from rstg_tf.layers.video_convolution import VideoConvolution

STRIDE_PLACES = ("middle", "first")


@tf.keras.utils.register_keras_serializable("rstg_tf")
class Bottleneck(ConfiguredLayer):
    """Three convolutions and a shortcut: t x 1 x 1, 1 x 3 x 3, 1 x 1 x 1.

    He et al., CVPR 2016, with the temporal kernels of Wang et al., CVPR 2018.

    Args:
        filters: channels of the first two convolutions; the block has four times as many.
        temporal_kernel: size in time of the first convolution.
        stride: step in height and width.
        project: whether the shortcut is a convolution, as at the beginning of a stage.
        stride_place: which convolution besides the shortcut has the stride: the `"middle"` one, or
            the `"first"` as in `tf.keras.applications`.
        batch_norm, layout: see `rstg_tf.layers.VideoConvolution`.

    Call arguments:
        inputs: `[B, T, H, W, C]`; without `project`, `C = 4 * filters` and `stride = 1`.

    Returns:
        `[B, T, ceil(H / stride), ceil(W / stride), 4 * filters]`.

    Raises:
        ValueError: an option out of its range.
    """

    def __init__(
        self,
        filters,
        temporal_kernel=1,
        stride=1,
        project=False,
        stride_place="middle",
        batch_norm="trained",
        layout="frames",
        **kwargs,
    ):
        super().__init__(**kwargs)
        check_choice(STRIDE_PLACES, stride_place=stride_place)
        self.filters = filters
        self.temporal_kernel = temporal_kernel
        self.stride = stride
        self.project = project
        self.stride_place = stride_place
        self.batch_norm = batch_norm
        self.layout = layout
        shared = {"batch_norm": batch_norm, "layout": layout, "dtype": self.dtype_policy}
        first, middle = (stride, 1) if stride_place == "first" else (1, stride)
        self.reduce = VideoConvolution(
            filters, (temporal_kernel, 1, 1), first, name="reduce", **shared
        )
        self.middle = VideoConvolution(filters, (1, 3, 3), middle, name="middle", **shared)
        # Zero makes a fresh block the identity, which deep networks learn faster from.
        self.expand = VideoConvolution(
            4 * filters, relu=False, gamma_initializer="zeros", name="expand", **shared
        )
        self.shortcut = (
            VideoConvolution(4 * filters, stride=stride, relu=False, name="shortcut", **shared)
            if project
            else None
        )

    def build(self, input_shape):
        """Creates the weights of the convolutions."""
        leading = tuple(input_shape[:-1])
        self.reduce.build(input_shape)
        self.middle.build((*leading, self.filters))
        self.expand.build((*leading, self.filters))
        if self.shortcut is not None:
            self.shortcut.build(input_shape)
        super().build(input_shape)

    def call(self, inputs, training=None):
        """Adds the branch to the shortcut."""
        shortcut = inputs
        if self.shortcut is not None:
            shortcut = self.shortcut(inputs, training=training)
        branch = self.reduce(inputs, training=training)
        branch = self.middle(branch, training=training)
        branch = self.expand(branch, training=training)
        return tf.nn.relu(branch + shortcut)
