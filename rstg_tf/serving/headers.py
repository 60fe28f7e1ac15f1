"""What the headers of encoded frames say, read inside of the graph before anything is decoded.

A file of a few bytes may claim gigabytes of pixels, or take minutes: each scan of a progressive
JPEG goes over all of its pixels, and texts in a PNG unfold to a thousand times their size.
"""

import tensorflow as tf

from rstg_tf.serving.checks import require, required

_PNG = b"\x89PNG\r\n\x1a\n"
_JPEG = b"\xff\xd8\xff"
_PNG_HEADER = 33  # Signature and IHDR.
_SCAN = b"\xff\xda"
_SCANS = 8  # That a decoder goes through in the time of one PNG.
_UNFOLDING, _EXIF = (b"zTXt", b"iTXt", b"iCCP"), b"eXIf"
_PIXELS_A_BYTE = 1000  # Of what unfolds.
_MAX_SEGMENTS, _MAX_CHUNKS = 256, 4096
_ORIENTATION = 0x0112  # Tag of EXIF.


def is_jpeg(image):
    """Whether a file begins as a JPEG does, bool scalar."""
    return tf.equal(tf.strings.substr(image, 0, len(_JPEG)), _JPEG)


def inspect(image, name, settings):
    """Reads and checks the header of an encoded frame, a string scalar, of the input `name`.

    Returns `(pixels, orientation)`, int64 and int32 scalars: the cost of decoding, in pixels, and
    how EXIF says it is to be turned, 1 to 8, 1 where nothing says so.
    """
    length = tf.strings.length(image)
    jpeg = is_jpeg(image)
    png = tf.equal(tf.strings.substr(image, 0, len(_PNG)), _PNG) & (length >= _PNG_HEADER)
    rule = f"{name} must hold JPEG or PNG images. The first bytes and the length are not of one."
    known = require(jpeg | png, rule, tf.strings.as_string(length))
    rule = f"{name} must hold images of at most {settings.max_bytes} bytes."
    short = require(length <= settings.max_bytes, rule, length)
    image = required(image, known, short)
    shape, factor, extra, orientation = tf.cond(
        jpeg, lambda: _inspect_jpeg(image, length, name), lambda: _inspect_png(image, length, name)
    )
    fits = tf.reduce_all((shape >= 1) & (shape <= settings.max_side))
    rule = f"{name} must hold images with sides of 1 to {settings.max_side} pixels."
    with tf.control_dependencies([require(fits, rule, shape)]):
        return tf.reduce_prod(tf.cast(shape, tf.int64)) * factor + extra, orientation


def turned(image, orientation):
    """Turns and mirrors a decoded frame `[h, w, C]` as a viewer does, by EXIF's orientation."""

    def turn():
        made = tf.cond(orientation >= 5, lambda: tf.transpose(image, [1, 0, 2]), lambda: image)
        for axis, mirroring in ((1, (2, 3, 6, 7)), (0, (3, 4, 7, 8))):
            mirrored = tf.reduce_any(orientation == mirroring)
            made = tf.cond(
                mirrored,
                lambda made=made, axis=axis: tf.reverse(made, [axis]),
                lambda made=made: made,
            )
        return made

    return tf.cond(orientation == 1, lambda: image, turn)


def _inspect_jpeg(image, length, name):
    shape = tf.image.extract_jpeg_shape(image, name=name)[:2]
    scans = _count(image, _SCAN)
    factor = tf.cast(1 + scans // (_SCANS + 1), tf.int64)
    start, end = _segment_of_exif(image, length)
    return shape, factor, tf.constant(0, tf.int64), _orientation(image, start, end)


def _inspect_png(image, length, name):
    width, height = (_number(_bytes(image, place, 4)) for place in (16, 20))
    unknown = [_count(image, kind) for kind in (*_UNFOLDING, _EXIF)]
    unfolding, start, end = tf.cond(
        tf.reduce_any(tf.stack(unknown) > 0),
        lambda: _chunks_of_png(image, length, name),
        lambda: (0, 0, 0),
    )
    extra = tf.cast(unfolding, tf.int64) * _PIXELS_A_BYTE
    shape = tf.stack([height, width])
    return shape, tf.constant(1, tf.int64), extra, _orientation(image, start, end)


def _segment_of_exif(image, length):
    """Start and end of the TIFF structure in the first segment that may hold EXIF, or 0, 0."""

    def step(count, place, start, end):
        first, marker, *size = tf.unstack(_bytes(image, place, 4))
        after = place + 2 + _number(tf.stack(size))
        is_exif = (first == 0xFF) & (marker == 0xE1) & (after <= length)
        start, end = tf.unstack(tf.where(is_exif, [place + 10, after], [start, end]))
        # Before a marker may be bytes that fill; after the header, no segment's length is known.
        place = tf.where(marker == 0xFF, place + 1, tf.maximum(after, place + 4))
        ends = is_exif | (first != 0xFF) | (marker == 0xDA) | (marker == 0xD9)
        return count + 1, tf.where(ends, length, place), start, end

    _, _, start, end = tf.while_loop(
        lambda count, place, *_: (place + 4 <= length) & (count < _MAX_SEGMENTS),
        step,
        (0, 2, 0, 0),
    )
    return start, end


def _chunks_of_png(image, length, name):
    """Bytes of the chunks that unfold, and start and end of the EXIF, or 0, 0."""

    def step(count, place, unfolding, start, end):
        size = _number(_bytes(image, place, 4))
        kind = tf.strings.substr(image, place + 4, 4)
        size = tf.where((size < 0) | (size > length - place - 8), length - place - 8, size)
        unfolds = tf.reduce_any(kind == tf.constant(_UNFOLDING))
        is_exif = (kind == _EXIF) & (start == 0)
        start, end = tf.unstack(tf.where(is_exif, [place + 8, place + 8 + size], [start, end]))
        # `place` may not overflow: it is at most 12 behind the end.
        return count + 1, place + size + 12, unfolding + tf.where(unfolds, size, 0), start, end

    count, _, *found = tf.while_loop(
        lambda count, place, *_: (place + 8 <= length) & (count <= _MAX_CHUNKS),
        step,
        (0, len(_PNG), 0, 0, 0),
    )
    rule = f"{name} must hold PNG images of at most {_MAX_CHUNKS} chunks."
    with tf.control_dependencies([require(count <= _MAX_CHUNKS, rule, count)]):
        return tuple(tf.identity(value) for value in found)


def _orientation(image, start, end):
    """Orientation that the TIFF structure in bytes `start` to `end` tells, 1 where it is odd."""

    def find():
        header = _bytes(image, start, 8)
        little = header[0] == 0x49
        order = tf.reduce_all(header[:2] == tf.where(little, 0x49, 0x4D))
        offset = _number(header[4:], little)
        fits = (offset >= 8) & (offset <= end - start - 2)
        known = order & (_number(header[2:4], little) == 42) & fits
        return tf.cond(known, lambda: entries(start + offset, little), lambda: 1)

    def entries(place, little):
        count = _number(_bytes(image, place, 2), little)
        count = tf.minimum(count, (end - place - 2) // 12)
        table = tf.reshape(_bytes(image, place + 2, 12 * count), [-1, 12])
        tags, values = (_number(table[:, k : k + 2], little) for k in (0, 8))
        values = tf.boolean_mask(values, tags == _ORIENTATION)
        value = tf.concat([values, [1]], axis=0)[0]
        return tf.where((value >= 1) & (value <= 8), value, 1)

    return tf.cond(end - start >= 8, find, lambda: 1)


def _count(image, pattern):
    return tf.size(tf.strings.split(image, pattern)) - 1


def _bytes(image, place, count):
    values = tf.io.decode_raw(tf.strings.substr(image, place, count), tf.uint8)
    if isinstance(count, int):
        values = tf.ensure_shape(values, [count])
    return tf.cast(values, tf.int32)


def _number(digits, little=False):
    """Number of the bytes in the last axis; 4 bytes that do not fit into int32 become negative."""
    digits = tf.where(little, digits[..., ::-1], digits)
    weights = [2 ** (8 * place) for place in range(digits.shape[-1])][::-1]
    return tf.reduce_sum(digits * tf.constant(weights, tf.int32), axis=-1)
