import shutil

import h5py
import numpy as np
import pytest
import tensorflow as tf
from closeness import NETWORK, assert_close

from rstg_tf.backbones import C2D_KERNELS, KERAS_GEOMETRY, VideoResNet, inflate

C2D = {"temporal_kernels": C2D_KERNELS, **KERAS_GEOMETRY}
ENDS = {
    "res2": "conv2_block3_out",
    "res3": "conv3_block4_out",
    "res4": "conv4_block6_out",
    "res5": "conv5_block3_out",
}
GRAPH = {"node_dim": 8, "message_dim": 8}


@pytest.fixture(scope="module")
def image_network():
    """Keras's ResNet-50, all of its weights random, biases and statistics, too."""
    network = tf.keras.applications.ResNet50(weights=None, include_top=False)
    random = np.random.default_rng(0)
    network.set_weights([randomised(weight, random) for weight in network.weights])
    return network


@pytest.fixture(scope="module")
def weights_file(image_network, tmp_path_factory):
    path = tmp_path_factory.mktemp("image") / "weights.h5"
    image_network.save_weights(path)
    return path


def randomised(weight, random):
    if "/kernel" in weight.name:
        return random.normal(0, np.sqrt(2 / np.prod(weight.shape[:-1])), weight.shape)
    if "/gamma" in weight.name or "/moving_variance" in weight.name:
        return random.uniform(0.5, 1.5, weight.shape)
    return random.normal(0, 0.3, weight.shape)


def stages(network, image):
    """The image network's maps `[B, h, w, C]` after its stages, under our names."""
    outputs = {ours: network.get_layer(theirs).output for ours, theirs in ENDS.items()}
    return tf.keras.Model(network.input, outputs)(image)


def clip_of(image, frames):
    return tf.repeat(image[:, tf.newaxis], frames, axis=1)


def images(size, batch=2):
    return tf.random.stateless_normal([batch, size, size, 3], seed=[1, 2])


def assert_same_map(received, expected):
    """Every step of a clip's map is the image's map."""
    assert np.std(expected) > 1e-2 * np.abs(expected).max()
    assert_close(received, clip_of(expected, received.shape[1]), NETWORK)


@pytest.mark.parametrize("layout", ["frames", "volume"])
def test_c2d_gives_the_features_of_a_repeated_image(image_network, layout):
    backbone = VideoResNet(**C2D, layout=layout)
    inflate(image_network, backbone)
    features = backbone(clip_of(images(64), 4), return_endpoints=True)
    for stage, expected in stages(image_network, images(64)).items():
        assert_same_map(features[stage], expected)


@pytest.mark.slow
def test_i3d_gives_them_away_from_the_ends_of_a_clip(image_network):
    backbone = VideoResNet(**KERAS_GEOMETRY)
    inflate(image_network, backbone)
    features = backbone(clip_of(images(64, batch=1), 40), return_endpoints=True)
    # Steps that a stage's kernels carry zeros from beyond the ends to; behind res2, of two frames.
    reach = {"res2": 5, "res3": 5, "res4": 8, "res5": 9}
    for stage, expected in stages(image_network, images(64, batch=1)).items():
        assert_same_map(features[stage][:, reach[stage] : -reach[stage]], expected)


@pytest.mark.slow
def test_default_geometry_differs_in_strides_and_padding_only(image_network):
    config = image_network.get_config()
    layers = {layer["name"]: layer["config"] for layer in config["layers"]}
    layers["pool1_pad"]["padding"] = ((0, 0), (0, 0))
    for stage in ("conv3", "conv4"):
        layers[f"{stage}_block1_1_conv"]["strides"] = (1, 1)
        layers[f"{stage}_block1_2_conv"]["strides"] = (2, 2)
    for part in (0, 1):
        layers[f"conv5_block1_{part}_conv"]["strides"] = (1, 1)
    like_ours = tf.keras.Model.from_config(config)
    like_ours.set_weights(image_network.get_weights())
    backbone = VideoResNet(temporal_kernels=C2D_KERNELS)
    inflate(image_network, backbone)
    size = 72  # Maps of odd sizes, where padding "SAME" is the same on both sides.
    features = backbone(clip_of(images(size), 2), return_endpoints=True)
    for stage, expected in stages(like_ours, images(size)).items():
        assert_same_map(features[stage], expected)


def test_epsilon_of_the_image_network_is_taken_over(image_network):
    config = image_network.get_config()
    for layer in config["layers"]:
        if layer["class_name"] == "BatchNormalization":
            layer["config"]["epsilon"] = 0.1
    other = tf.keras.Model.from_config(config)
    other.set_weights(image_network.get_weights())
    backbone = VideoResNet(**C2D)
    inflate(other, backbone)
    assert_same_map(backbone(clip_of(images(64), 2)), stages(other, images(64))["res5"])


def test_graphs_and_non_local_blocks_stay(image_network):
    backbone = VideoResNet(**C2D, graphs=("res3",), non_local=("res4",), graph_options=GRAPH)
    inflate(image_network, backbone)
    expected = stages(image_network, images(64))["res5"]
    assert_same_map(backbone(clip_of(images(64), 4)), expected)  # Fresh ones are the identity.

    random = np.random.default_rng(1)
    blocks = [layer for layers in backbone.stages.values() for layer in layers]
    kept = [layer for layer in blocks if layer.name.endswith(("graph", "non_local"))]
    assert len(kept) == 4
    values = [[random.normal(size=w.shape).astype("float32") for w in b.weights] for b in kept]
    for block, value in zip(kept, values, strict=True):
        block.set_weights(value)
    inflate(image_network, backbone)
    for block, value in zip(kept, values, strict=True):
        for received, wanted in zip(block.get_weights(), value, strict=True):
            np.testing.assert_array_equal(received, wanted)


def test_files_are_the_same_as_the_network(image_network, weights_file, tmp_path):
    whole = tmp_path / "whole.h5"
    image_network.save(whole)
    backbone, weights = VideoResNet(), []
    for source in (image_network, weights_file, str(whole)):
        inflate(source, backbone)
        weights.append(backbone.get_weights())
        backbone.set_weights([np.zeros_like(array) for array in weights[0]])
    for expected, *received in zip(*weights, strict=True):
        np.testing.assert_array_equal(received, [expected, expected])


def test_refuses_networks_with_other_layers(image_network):
    backbone = VideoResNet()
    extra = tf.keras.layers.Dense(8, name="conv5_block4_1_conv")(image_network.output)
    with pytest.raises(ValueError, match=r"no others.*Received: conv5_block4_1_conv"):
        inflate(tf.keras.Model(image_network.input, extra), backbone)
    end = image_network.get_layer("conv5_block2_out").output
    with pytest.raises(ValueError, match=r"Missing: conv5_block3_1_bn.*Received: input_\d+"):
        inflate(tf.keras.Model(image_network.input, end), backbone)
    assert not backbone.built


def test_what_follows_the_last_stage_does_not_matter(image_network):
    top = tf.keras.layers.Dense(8, name="predictions")(image_network.output)
    backbone = VideoResNet()
    inflate(tf.keras.Model(image_network.input, top), backbone)
    expected = image_network.get_layer("conv5_block3_3_bn").gamma
    np.testing.assert_array_equal(backbone.stages["res5"][2].expand.normalization.gamma, expected)


def test_refuses_other_shapes(image_network):
    with pytest.raises(
        ValueError,
        match=r"`kernel` .* conv1_conv must have the shape \(7, 7, 3, 32\). "
        r"Received: \(7, 7, 3, 64\)",
    ):
        inflate(image_network, VideoResNet(width=0.5))


def test_a_fault_at_the_end_changes_nothing(weights_file, tmp_path):
    path = shutil.copy(weights_file, tmp_path / "faulty.h5")
    with h5py.File(path, "r+") as file:
        group = file["conv5_block3_3_bn/conv5_block3_3_bn"]
        del group["gamma:0"]
        group["gamma:0"] = np.ones(7, np.float32)
    backbone = VideoResNet()
    backbone(tf.keras.Input((None, None, None, 3)))
    before = backbone.get_weights()
    with pytest.raises(ValueError, match=r"`gamma` .*conv5_block3_3_bn .*\(2048,\).*: \(7,\)"):
        inflate(path, backbone)
    for received, expected in zip(backbone.get_weights(), before, strict=True):
        np.testing.assert_array_equal(received, expected)


def test_refuses_a_file_in_another_format(tmp_path):
    path = tmp_path / "other.weights.h5"
    tf.keras.Sequential([tf.keras.Input((1,)), tf.keras.layers.Dense(1)]).save_weights(path)
    with pytest.raises(ValueError, match=r"model.save_weights\('NAME.h5'\).*Received: .*other.w"):
        inflate(path, VideoResNet())


def test_geometry_is_configured_and_checked():
    backbone = VideoResNet(width=0.125, **C2D)
    config = backbone.get_config()
    again = VideoResNet.from_config(config)
    assert again.get_config() == config
    clips = tf.zeros([1, 2, 64, 64, 3])
    assert again(clips).shape == (1, 1, 2, 2, 256)
    assert VideoResNet(width=0.125, temporal_kernels=C2D_KERNELS)(clips).shape == (1, 1, 4, 4, 256)
    for name in KERAS_GEOMETRY:
        with pytest.raises(ValueError, match=rf"`{name}` must be one of .*Received: {name}=3"):
            VideoResNet(**{name: 3})
