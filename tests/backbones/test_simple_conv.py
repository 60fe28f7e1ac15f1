import pytest
import tensorflow as tf
from closeness import assert_close

from rstg_tf.backbones import SimpleConv
from rstg_tf.models import VideoClassifier


def test_is_convolution_bias_relu_pool():
    layer = SimpleConv((4, 5))
    frames = tf.random.stateless_normal([2, 3, 20, 24, 3], seed=[1, 2])
    layer.build(frames.shape)
    layer(frames)
    for bias in layer._biases:
        bias.assign(tf.random.stateless_normal(bias.shape, seed=[3, 4]))
    x = tf.reshape(frames, [6, 20, 24, 3])
    for convolution, bias in zip(layer._convolutions, layer._biases, strict=True):
        x = tf.nn.conv2d(x, convolution.kernel, 1, "VALID") + bias
        x = tf.nn.max_pool2d(tf.nn.relu(x), 2, 2, "VALID")
    assert_close(layer(frames), tf.reshape(x, [2, 3, *x.shape[1:]]))


def test_64_pixels_become_6_by_6_cells():
    assert SimpleConv((4, 4, 4))(tf.zeros([1, 2, 64, 64, 1])).shape == (1, 2, 6, 6, 4)


def test_smallest_size_leaves_one_cell():
    layer = SimpleConv((2, 2, 2))
    assert layer.min_size == 22
    assert layer(tf.zeros([1, 2, 22, 23, 3])).shape == (1, 2, 1, 1, 2)


def test_unknown_sizes():
    layer = SimpleConv((2, 3))
    graph = tf.function(layer, input_signature=[tf.TensorSpec([None, None, None, None, 3])])
    for shape in ([1, 2, 12, 16, 3], [3, 5, 20, 14, 3]):
        x = tf.random.stateless_normal(shape, seed=[5, 6])
        assert_close(graph(x), layer(x))


def test_config_round_trip():
    layer = SimpleConv((2, 3), name="backbone")
    assert SimpleConv.from_config(layer.get_config()).get_config() == layer.get_config()


@pytest.mark.parametrize("filters", [(), (4, 0)])
def test_refuses_no_filters(filters):
    with pytest.raises(ValueError, match="filters must be positive"):
        SimpleConv(filters)


def test_unknown_backbone():
    with pytest.raises(ValueError, match=r"closest.*'video_resnet'.*Received: backbone='resnet'"):
        VideoClassifier(2, backbone="resnet")
