"""The three-layer convolutional network of the SyncMNIST experiments."""

from collections.abc import Sequence

import tensorflow as tf

from rstg_tf.layers.configured import ConfiguredLayer
from rstg_tf.layers.folding import fold_time, unfold_time
from rstg_tf.registry import BACKBONES


@BACKBONES.register("simple_conv")
@tf.keras.utils.register_keras_serializable(package="rstg_tf")
class SimpleConv(ConfiguredLayer):
    """A stack of 3x3 convolutions and 2x2 max-pools, applied to every frame by itself.

    Nicolicioiu et al. 2019, section 4.1: three layers with 512 filters each.  A layer is a valid
    convolution, max-pooling, bias and ReLU in this order: the maximum commutes with adding a bias
    and with ReLU, so pooling first is the same function and leaves them a quarter of the work.

    Args:
        filters: number of filters of each layer, so also the number of layers.

    Call arguments:
        frames: float `[B, T, H, W, C]`, H and W at least `min_size`.

    Returns:
        Feature maps `[B, T, h, w, filters[-1]]`; 64x64 pixels become 6x6 cells.

    Example:
    >>> SimpleConv((16, 32, 64))(tf.zeros([2, 16, 64, 64, 3])).shape
    TensorShape([2, 16, 6, 6, 64])
    """

    per_frame = True

    def __init__(self, filters: Sequence[int] = (512, 512, 512), **kwargs):
        super().__init__(**kwargs)
        self.filters = tuple(filters)
        if not self.filters or min(self.filters) < 1:
            raise ValueError(f"filters must be positive numbers. Received: filters={filters}")
        self._convolutions = [
            tf.keras.layers.Conv2D(
                n,
                3,
                use_bias=False,
                kernel_initializer="he_normal",
                name=f"conv{i}",
                dtype=self.dtype_policy,
            )
            for i, n in enumerate(self.filters, start=1)
        ]
        self._pool = tf.keras.layers.MaxPool2D(2, dtype=self.dtype_policy)

    @property
    def weights_of_layers(self):
        """A kernel `[3, 3, C, filters]` and a bias `[filters]` of each layer, in their order."""
        kernels = [convolution.kernel for convolution in self._convolutions]
        return list(zip(kernels, self._biases, strict=True))

    @property
    def min_size(self):
        """Smallest height and width, in pixels, that leave one cell: 22 for three layers."""
        size = 1
        for _ in self.filters:
            size = 2 * size + 2
        return size

    def build(self, input_shape):
        """Creates the weights."""
        self._biases = [
            self.add_weight(f"bias{i}", [n], initializer="zeros")
            for i, n in enumerate(self.filters, start=1)
        ]
        super().build(input_shape)

    def call(self, frames):
        """Folds time into the batch and back."""
        x = fold_time(frames)
        for convolution, bias in zip(self._convolutions, self._biases, strict=True):
            x = tf.nn.relu(tf.nn.bias_add(self._pool(convolution(x)), bias))
        return unfold_time(x, frames)
