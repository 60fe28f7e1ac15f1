"""The non-local block: every position of a clip attends to every other one."""

import tensorflow as tf

from rstg_tf.layers.configured import ConfiguredLayer
from rstg_tf.layers.folding import fold_time, sizes, unfold_time
from rstg_tf.layers.video_convolution import VideoConvolution

# Above so many attention weights, 1 GiB in float32, they are computed one frame at a time: at
# `res2` of a whole clip of the paper they would take nine, several times over.
_MOST_WEIGHTS = 2**28


@tf.keras.utils.register_keras_serializable("rstg_tf")
class NonLocal(ConfiguredLayer):
    """Embedded-Gaussian non-local block with a residual (Wang et al., CVPR 2018, section 3).

    Keys and values come from the map after a 1 x 2 x 2 max-pool. The scale of the last
    normalisation starts at zero, so that a fresh block is the identity.

    Args:
        batch_norm: see `rstg_tf.layers.VideoConvolution`.

    Call arguments:
        inputs: `[B, T, H, W, C]` with an even `C`, H and W at least 2.

    Returns:
        `[B, T, H, W, C]`.
    """

    def __init__(self, batch_norm="trained", **kwargs):
        super().__init__(**kwargs)
        self.batch_norm = batch_norm

    def build(self, input_shape):
        """Creates the projections to half of the channels, and back."""
        channels = input_shape[-1]
        self.inner = channels // 2
        dense, policy = tf.keras.layers.Dense, self.dtype_policy
        self.query = dense(self.inner, name="query", dtype=policy)
        self.key = dense(self.inner, name="key", dtype=policy)
        self.value = dense(self.inner, name="value", dtype=policy)
        for layer in (self.query, self.key, self.value):
            layer.build((None, channels))
        self.project = VideoConvolution(
            channels,
            use_bias=True,
            relu=False,
            batch_norm=self.batch_norm,
            gamma_initializer="zeros",
            name="project",
            dtype=policy,
        )
        self.project.build((*input_shape[:-1], self.inner))
        super().build(input_shape)

    def call(self, inputs, training=None):
        """Softmax in float32 over all positions of the pooled clip."""
        batch, time, height, width, channels = sizes(inputs)
        pooled = unfold_time(tf.nn.max_pool2d(fold_time(inputs), 2, 2, "VALID"), inputs)
        pooled = tf.reshape(pooled, [batch, -1, channels])
        query = self.query(tf.reshape(inputs, [batch, -1, channels]))
        key, value = self.key(pooled), self.value(pooled)

        def attend(query):
            logits = tf.matmul(query, key, transpose_b=True)
            weights = tf.nn.softmax(tf.cast(logits, tf.float32) * self.inner**-0.5)
            return tf.matmul(tf.cast(weights, inputs.dtype), value)

        if (inputs.shape.num_elements() or 0) // channels * (pooled.shape[1] or 0) > _MOST_WEIGHTS:
            frames = tf.reshape(query, [batch, time, height * width, self.inner])
            frames = tf.transpose(frames, [1, 0, 2, 3])
            gathered = tf.map_fn(attend, frames, parallel_iterations=1)
            gathered = tf.transpose(gathered, [1, 0, 2, 3])
        else:
            gathered = attend(query)
        gathered = tf.reshape(gathered, [batch, time, height, width, self.inner])
        return inputs + self.project(gathered, training=training)
