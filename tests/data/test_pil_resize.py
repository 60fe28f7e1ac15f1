import numpy as np
import pytest
from PIL import Image

from rstg_tf.data.synthetic.digit_motion import bilinear_weights, resize_transposed


@pytest.mark.parametrize("size", [64, 100, 37, 128, 224, 8])
def test_equals_pil_to_the_last_bit(size):
    rng = np.random.default_rng(size)
    frame = rng.integers(0, 256, (100, 100)).astype(np.uint8)
    frame[rng.random((100, 100)) < 0.3] = 255
    scratch, out = np.empty((size, 100), np.uint8), np.empty((size, size), np.uint8)
    resize_transposed(np.ascontiguousarray(frame.T), *bilinear_weights(100, size), scratch, out)
    wanted = Image.fromarray(frame).resize((size, size), Image.BILINEAR)
    np.testing.assert_array_equal(out, np.asarray(wanted))
