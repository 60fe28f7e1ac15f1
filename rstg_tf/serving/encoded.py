"""Clips out of encoded frames, inside of the graph, as `rstg_tf.data.clips` makes them outside.

Sizes are read from the headers and checked before a frame is decoded: a file of a few bytes may
claim gigabytes of pixels.
"""

import tensorflow as tf

from rstg_tf.serving.checks import require

_PNG = b"\x89PNG\r\n\x1a\n"
_JPEG = b"\xff\xd8\xff"
_PNG_HEADER = 33  # Signature and IHDR.
_FRAMES = "image/encoded"


def decode_frames(encoded, name, channels, settings):
    """Decodes frames and makes them as large as the model takes them.

    Args:
        encoded: string `[N]`, JPEG or PNG files.
        name: name of the input that they come from.
        channels: channels C of the model's clips.
        settings: `Settings`.

    Returns:
        uint8 `[N, size, size, C]`: of each frame the square in the middle.
    """
    size = settings.clips.size
    return tf.map_fn(
        lambda image: _fit(_decode(image, name, channels, settings), settings.clips),
        encoded,
        parallel_iterations=8,  # A large frame takes 50 MB until it is resized.
        fn_output_signature=tf.TensorSpec([size, size, channels], tf.uint8),
        name=name,
    )


def frames_of_examples(examples, name, clips):
    """Takes of each serialized sequence example the frames that an evaluation would take.

    Args:
        examples: string `[B]`, `tf.train.SequenceExample` as in shards.
        name: name of the input.
        clips: `rstg_tf.data.clips.Clips`.

    Returns:
        string `[B, T]`, encoded frames.
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
    """`rstg_tf.data.sampling.sample_frames` of evaluation, inside of the graph.

    Args:
        count: number of frames of the video, int32 scalar.
        clips: `rstg_tf.data.clips.Clips`.

    Returns:
        int32 `[T]`, equal to NumPy's to the last bit.
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


def _decode(image, name, channels, settings):
    """One frame, uint8 `[h, w, C]`, its header checked first."""
    length = tf.strings.length(image)
    is_jpeg = tf.equal(tf.strings.substr(image, 0, len(_JPEG)), _JPEG)
    is_png = tf.equal(tf.strings.substr(image, 0, len(_PNG)), _PNG) & (length >= _PNG_HEADER)
    rule = f"{name} must hold JPEG or PNG images. The first bytes and the length are not of one."
    known = require(is_jpeg | is_png, rule, tf.strings.as_string(length))
    rule = f"{name} must hold images of at most {settings.max_bytes} bytes."
    short = require(length <= settings.max_bytes, rule, length)
    with tf.control_dependencies([known, short]):
        image = tf.identity(image)
    shape = tf.cond(
        is_jpeg,
        lambda: tf.image.extract_jpeg_shape(image, name=name)[:2],
        lambda: _png_shape(image),
    )
    fits = tf.reduce_all((shape >= 1) & (shape <= settings.max_side))
    rule = f"{name} must hold images with sides of 1 to {settings.max_side} pixels."
    with tf.control_dependencies([require(fits, rule, shape)]):
        image = tf.identity(image)
    # OpenCV's transform is the accurate one, too.
    decoded = tf.cond(
        is_jpeg,
        lambda: tf.io.decode_jpeg(image, channels, dct_method="INTEGER_ACCURATE", name=name),
        lambda: tf.io.decode_png(image, channels, name=name),
    )
    return tf.ensure_shape(decoded, [None, None, channels])


def _png_shape(image):
    """Height and width of a PNG, int32 `[2]`; what does not fit becomes negative."""
    digits = tf.cast(tf.io.decode_raw(tf.strings.substr(image, 16, 8), tf.uint8), tf.int32)
    width, height = tf.unstack(
        tf.reduce_sum(tf.reshape(digits, [2, 4]) * [2**24, 2**16, 2**8, 1], axis=1)
    )
    return tf.stack([height, width])


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
