"""A convolution over space and time with its batch normalisation, in the fastest form there is."""

import tensorflow as tf

from rstg_tf.layers.configured import ConfiguredLayer, check_choice
from rstg_tf.layers.folding import fold_time, sizes, unfold_time

LAYOUTS = ("frames", "volume")
BATCH_NORMS = ("trained", "frozen")
_MOMENTUM, _EPSILON = 0.9, 1e-5


@tf.keras.utils.register_keras_serializable("rstg_tf")
class VideoConvolution(ConfiguredLayer):
    """Convolution, batch normalisation and ReLU: one step of a video ResNet.

    A 3-D convolution with zero padding of half a kernel on every side. Where batch normalisation
    uses its stored statistics, it is a part of the kernel and the bias, so it costs nothing.

    Args:
        filters: output channels `F`.
        kernel_size: `(time, height, width)`, odd numbers.
        stride: step in height and width; time has step 1.
        use_bias: whether a bias comes before the normalisation, which takes it out again; some
            released models have one.
        relu: whether a ReLU follows.
        batch_norm: `"trained"` normalises with the statistics of the batch in training (over all
            replicas of a strategy) and learns them; `"frozen"` always takes the stored ones, as the
            released models do. Scale and shift are trained in both.
        gamma_initializer: initializer of the scale.
        layout: `"frames"` computes 2-D convolutions: over frames; for a kernel along time only,
            over time and pixels; for a kernel in all three, over frames whose neighbours in time
            are stacked as channels; and for a kernel of one pixel a product of matrices.
            `"volume"` computes 3-D ones. The numbers are the same.

    Call arguments:
        inputs: `[B, T, H, W, C]`, any sizes.
        training: matters to `batch_norm="trained"` only.

    Returns:
        `[B, T, ceil(H / stride), ceil(W / stride), F]`.

    Raises:
        ValueError: an option out of its range.
    """

    def __init__(
        self,
        filters,
        kernel_size=(1, 1, 1),
        stride=1,
        use_bias=False,
        relu=True,
        batch_norm="trained",
        gamma_initializer="ones",
        layout="frames",
        **kwargs,
    ):
        super().__init__(**kwargs)
        check_choice(BATCH_NORMS, batch_norm=batch_norm)
        check_choice(LAYOUTS, layout=layout)
        if len(kernel_size) != 3 or any(size % 2 != 1 for size in kernel_size):
            raise ValueError(
                f"`kernel_size` must be three odd numbers. Received: kernel_size={kernel_size}"
            )
        self.filters = filters
        self.kernel_size = tuple(kernel_size)
        self.stride = stride
        self.use_bias = use_bias
        self.relu = relu
        self.batch_norm = batch_norm
        self.gamma_initializer = tf.keras.initializers.get(gamma_initializer)
        self.layout = layout
        self.normalization = tf.keras.layers.BatchNormalization(
            momentum=_MOMENTUM,
            epsilon=_EPSILON,
            gamma_initializer=gamma_initializer,
            synchronized=batch_norm == "trained",
            name="normalization",
            dtype=self.dtype_policy,
        )

    def build(self, input_shape):
        """Creates the kernel and the normalisation."""
        shape = (*self.kernel_size, input_shape[-1], self.filters)
        self.kernel = self.add_weight("kernel", shape, initializer="he_normal")
        self.bias = None
        if self.use_bias:
            self.bias = self.add_weight("bias", (self.filters,), initializer="zeros")
        self.normalization.build((None, None, None, None, self.filters))
        super().build(input_shape)

    def call(self, inputs, training=None):
        """Convolves, normalises, cuts."""
        if training and self.batch_norm == "trained":
            outputs = self._convolve(inputs, self.kernel, self.bias)
            outputs = self.normalization(outputs, training=True)
            return tf.nn.relu(outputs) if self.relu else outputs
        norm = self.normalization
        scale = tf.cast(norm.gamma, tf.float32) * tf.math.rsqrt(norm.moving_variance + norm.epsilon)
        mean = tf.convert_to_tensor(norm.moving_mean)
        if self.use_bias:
            mean -= tf.cast(self.bias, tf.float32)
        bias = tf.cast(norm.beta, tf.float32) - mean * scale
        kernel = self.kernel * tf.cast(scale, inputs.dtype)
        return self._convolve(inputs, kernel, tf.cast(bias, inputs.dtype), self.relu)

    def _convolve(self, inputs, kernel, bias=None, relu=False):
        convolve = self._convolve_frames if self.layout == "frames" else self._convolve_volume
        return convolve(inputs, kernel, lambda outputs: _finish(outputs, bias, relu))

    def _convolve_volume(self, inputs, kernel, finish):
        strides = [1, 1, self.stride, self.stride, 1]
        pads = [[size // 2, size // 2] for size in self.kernel_size]
        inputs = tf.pad(inputs, [[0, 0], *pads, [0, 0]])
        return finish(tf.nn.conv3d(inputs, kernel, strides, "VALID"))

    def _convolve_frames(self, inputs, kernel, finish):
        time, height, width = self.kernel_size
        if self.kernel_size == (1, 1, 1):
            pixels = inputs[:, :, :: self.stride, :: self.stride]
            rows = tf.reshape(pixels, [-1, pixels.shape[-1]])
            rows = finish(tf.matmul(rows, kernel[0, 0, 0]))
            return tf.reshape(rows, [*sizes(pixels)[:-1], self.filters])
        if time > 1 and height == width == self.stride == 1:
            batch, steps, rows, columns, channels = sizes(inputs)
            pixels = tf.reshape(inputs, [batch, steps, rows * columns, channels])
            pixels = finish(tf.nn.conv2d(pixels, kernel[:, 0], 1, "SAME"))
            return tf.reshape(pixels, [batch, steps, rows, columns, self.filters])
        if time > 1:
            steps = sizes(inputs)[1]
            padded = tf.pad(inputs, [[0, 0], [time // 2, time // 2], [0, 0], [0, 0], [0, 0]])
            inputs = tf.concat([padded[:, t : t + steps] for t in range(time)], axis=-1)
            kernel = tf.transpose(kernel, [1, 2, 0, 3, 4])
        kernel = tf.reshape(kernel, [height, width, -1, self.filters])
        frames, padding = fold_time(inputs), "SAME"
        if self.stride > 1:  # Where "SAME" pads one side only.
            pads = [[size // 2, size // 2] for size in (height, width)]
            frames, padding = tf.pad(frames, [[0, 0], *pads, [0, 0]]), "VALID"
        return unfold_time(finish(tf.nn.conv2d(frames, kernel, self.stride, padding)), inputs)


def _finish(outputs, bias, relu):
    """Bias and ReLU right after the convolution, where TensorFlow fuses them into it."""
    if bias is not None:
        outputs = tf.nn.bias_add(outputs, bias)
    return tf.nn.relu(outputs) if relu else outputs
