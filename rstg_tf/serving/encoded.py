"""Clips out of encoded frames, inside of the graph, as `data.pipeline.clips` makes them outside."""

import tensorflow as tf

from rstg_tf.serving.checks import require, required
from rstg_tf.serving.headers import inspect, is_jpeg, turned

_FRAMES = "image/encoded"


def decode_frames(encoded, name, channels, settings):
    """Decodes JPEG or PNG files, string `[N]` of the input `name`, to the size of a clip.

    Returns uint8 `[N, size, size, C]`: of each frame the square in the middle.
    """
    size = settings.clips.size
    pixels, orientations = tf.map_fn(
        lambda image: inspect(image, name, settings),
        encoded,
        parallel_iterations=8,
        fn_output_signature=(tf.TensorSpec([], tf.int64), tf.TensorSpec([], tf.int32)),
        name=name,
    )
    pixels = tf.reduce_sum(pixels)
    rule = f"{name} must hold at most {settings.max_megapixels} million pixels in all."
    fits = pixels <= settings.max_megapixels * 10**6
    encoded = required(encoded, require(fits, rule, pixels))
    return tf.map_fn(
        lambda image: _fit(turned(_decode(image[0], name, channels), image[1]), settings.clips),
        (encoded, orientations),
        parallel_iterations=8,  # A large frame takes 50 MB until it is resized.
        fn_output_signature=tf.TensorSpec([size, size, channels], tf.uint8),
        name=name,
    )


def frames_of_examples(examples, name, clips):
    """Takes of each serialized sequence example the frames that an evaluation would take.

    Examples are string `[B]` as in shards; it returns string `[B, T]`, encoded frames.
    """

    def frames_of(example):
        keys = {_FRAMES: tf.io.FixedLenSequenceFeature([], tf.string)}
        _, found = tf.io.parse_single_sequence_example(
            example, sequence_features=keys, example_name=name, name=name
        )
        frames = found[_FRAMES]
        count = tf.size(frames)
        rule = f"{name} must hold one frame or more in {_FRAMES!r}."
        with tf.control_dependencies([require(count >= 1, rule, count)]):
            return tf.gather(frames, sample_frames(count, clips))

    spec = tf.TensorSpec([clips.frames], tf.string)
    return tf.map_fn(frames_of, examples, fn_output_signature=spec, name=name)


def sample_frames(count, clips):
    """`rstg_tf.data.pipeline.sampling.sample_frames` of evaluation, inside of the graph.

    Of `count` frames, an int32 scalar; int32 `[T]`, equal to NumPy's to the last bit.
    """
    last, steps = count - 1, tf.range(clips.frames)
    if clips.sampling == "dense":
        room = tf.maximum(0, last - (clips.frames - 1) * clips.stride)
        numbers = room // 2 + steps * clips.stride
    else:
        exact = tf.cast(steps, tf.float64)
        parts = clips.frames - 1 if clips.sampling == "uniform" else clips.frames
        # By a constant TensorFlow would multiply by its reciprocal, which is rounded otherwise.
        parts = tf.cast(tf.minimum(parts, count + parts), tf.float64)
        if clips.sampling == "uniform":
            positions = exact * (tf.cast(last, tf.float64) / parts)
            # As np.linspace, whose end is exact.
            positions = tf.concat([positions[:-1], [tf.cast(last, tf.float64)]], axis=0)
        else:
            positions = (exact + 0.5) * (tf.cast(count, tf.float64) / parts)
        numbers = tf.cast(positions, tf.int32)
    return tf.minimum(numbers, last)


def _decode(image, name, channels):
    """One frame, uint8 `[h, w, C]`, whose header was checked."""
    # OpenCV's transform is the accurate one, too.
    decoded = tf.cond(
        is_jpeg(image),
        lambda: tf.io.decode_jpeg(image, channels, dct_method="INTEGER_ACCURATE", name=name),
        lambda: tf.io.decode_png(image, channels, name=name),
    )
    return tf.ensure_shape(decoded, [None, None, channels])


def _fit(image, clips):
    """`Clips.centre` of one frame: the square in the middle, resized."""
    height, width = tf.unstack(tf.shape(image)[:2])
    short = tf.cast(tf.minimum(height, width), tf.float64)
    side = tf.cast(tf.round(clips.size * short / clips.short_side), tf.int32)
    side = tf.maximum(1, side)
    top, left = (tf.minimum((length - side + 1) // 2, length - side) for length in (height, width))
    square = image[None, top : top + side, left : left + side]
    size = [clips.size] * 2
    resized = tf.cond(
        side > clips.size,
        lambda: tf.raw_ops.ResizeArea(images=square, size=size),
        lambda: tf.raw_ops.ResizeBilinear(images=square, size=size, half_pixel_centers=True),
    )
    return tf.cast(tf.floor(resized[0] + 0.5), tf.uint8)
