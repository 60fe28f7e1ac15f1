"""Dense evaluation: many views of each video, their logits averaged.

As the authors tested on Something-Something: 11 crops along the long side, each for two samplings
in time, the second shifted by half a step.
"""

import tensorflow as tf

CROPS = 11
SAMPLINGS = 2


class DenseViews:
    """A model of clips as a model of whole videos.

    Args:
        model: Keras model from uint8 clips `[B, T, H, W, C]` to a dict with `logits`
            `[B, classes]`, or to the scores themselves.
        batch_size: how many views are in memory at once, at most.

    Call arguments:
        videos: uint8 `[1, 2, T, h, w, C]`: the frames of the two samplings. The crops are squares
            of the lesser of h and w.

    Returns:
        The mean over all views of the scores, `[1, classes]`.
    """

    def __init__(self, model, batch_size=32):
        self._model = model
        views = CROPS * SAMPLINGS
        self._group = max(n for n in range(1, views + 1) if views % n == 0 and n <= batch_size)

    def __call__(self, videos, training=False):
        """Classifies a video."""
        shape = tf.shape(videos)
        side = tf.minimum(shape[3], shape[4])
        part = tf.linspace(0.0, 1.0, CROPS)
        room = tf.cast(shape[3:5] - side, tf.float32)
        corners = tf.cast(tf.round(part[:, None] * room), tf.int32)  # [CROPS, 2]
        views = [[sampling, crop] for sampling in range(SAMPLINGS) for crop in range(CROPS)]

        def cut(view):
            y, x = tf.unstack(tf.gather(corners, view[1]))
            return videos[0, view[0], :, y : y + side, x : x + side]

        def classify(group):
            clips = tf.map_fn(cut, group, fn_output_signature=tf.uint8)
            clips.set_shape((self._group, *videos.shape[2:3], None, None, *videos.shape[5:]))
            outputs = self._model(clips, training=training)
            return outputs["logits"] if isinstance(outputs, dict) else outputs

        groups = tf.reshape(tf.constant(views), [-1, self._group, 2])
        scores = tf.map_fn(classify, groups, parallel_iterations=1, fn_output_signature=tf.float32)
        return tf.reduce_mean(scores, axis=(0, 1))[None]
