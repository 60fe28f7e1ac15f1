import numpy as np
import pytest
import tensorflow as tf
from closeness import assert_close, relative_difference
from official.vision.modeling.backbones import resnet_3d
from official.vision.modeling.video_classification_model import VideoClassificationModel

from rstg_tf.backbones import add_rstg

KERNELS = [[3, 3, 3], [3, 1, 3, 1], [3, 1, 3, 1, 3, 1], [1, 3, 1]]
OPTIONS = {"node_dim": 8, "message_dim": 8, "iterations": 1}
CLIPS = tf.random.stateless_normal([2, 4, 32, 32, 3], seed=[1, 2])
OTHER_CLIPS = tf.random.stateless_normal([1, 6, 48, 40, 3], seed=[3, 4])


def resnet(model_id=50, kernels=KERNELS):
    return resnet_3d.ResNet3D(
        model_id,
        temporal_strides=[1, 1, 1, 1],
        temporal_kernel_sizes=kernels,
        stem_conv_temporal_stride=1,
        stem_pool_temporal_stride=1,
    )


@pytest.fixture
def small(monkeypatch):
    """Model Garden's network with one narrow block a stage."""
    blocks = [("bottleneck3d", filters, 1) for filters in (4, 8, 8, 8)]
    monkeypatch.setitem(resnet_3d.RESNET_SPECS, 14, blocks)
    return resnet(14, [[3], [1], [3], [1]])


def randomise(block):
    random = np.random.default_rng(3)
    block.set_weights([random.normal(size=w.shape) for w in block.get_weights()])


def changed(received, expected):
    return {name for name in expected if relative_difference(received[name], expected[name]) > 1e-3}


@pytest.mark.slow
def test_fresh_block_leaves_resnet_50_as_it_is():
    backbone = resnet()
    expected = backbone(CLIPS)
    model = add_rstg(backbone, "3", **OPTIONS)
    received = model(CLIPS)
    assert list(received) == ["2", "3", "4", "5"]
    for name, value in expected.items():
        assert np.std(value) > 0
        assert_close(received[name], value)
    block = model.get_layer("rstg_3")
    assert len(model.weights) == len(backbone.weights) + len(block.weights)
    assert {w.ref() for w in backbone.weights} < {w.ref() for w in model.weights}


@pytest.mark.parametrize("endpoint", ["2", "3", "4", "5"])
def test_block_acts_on_its_endpoint_and_the_later_ones(small, endpoint):
    expected = small(CLIPS)
    model = add_rstg(small, endpoint, **OPTIONS)
    block = model.get_layer(f"rstg_{endpoint}")
    randomise(block)
    received = model(CLIPS)
    assert changed(received, expected) == {name for name in expected if name >= endpoint}
    assert_close(received[endpoint], block(expected[endpoint]))
    assert not changed(small(CLIPS), expected)  # The backbone stays as it was.


@pytest.mark.parametrize("order", [("3", "4"), ("4", "3")])
def test_blocks_at_several_stages_in_any_order(small, order):
    model = small
    for endpoint in order:
        model = add_rstg(model, endpoint, **OPTIONS)
    expected = small(CLIPS)
    assert not changed(model(CLIPS), expected)
    randomise(model.get_layer("rstg_4"))
    assert changed(model(CLIPS), expected) == {"4", "5"}
    randomise(model.get_layer("rstg_3"))
    assert changed(model(CLIPS), expected) == {"3", "4", "5"}


def test_model_garden_takes_and_trains_it(small):
    backbone = add_rstg(small, "3", **OPTIONS)
    assert backbone.output_specs == small.output_specs
    model = VideoClassificationModel(backbone, num_classes=5)
    model.compile("sgd", tf.keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    block, statistic = backbone.get_layer("rstg_3"), small.non_trainable_weights[0]
    before, statistic_before = block.get_weights(), statistic.numpy()
    for _ in range(2):  # The first one opens the way from the identity into the block.
        model.train_on_batch({"image": CLIPS}, tf.constant([1, 4]))
    after = block.get_weights()
    assert all(np.isfinite(weight).all() for weight in after)
    assert np.mean([(new != old).any() for new, old in zip(after, before, strict=True)]) > 0.8
    assert (statistic != statistic_before).numpy().any()  # Batch norms of the stages learn, too.


def test_keras_saves_and_loads_it(small, tmp_path):
    model = add_rstg(small, "4", **OPTIONS)
    randomise(model.get_layer("rstg_4"))
    model.save(tmp_path / "backbone")
    loaded = tf.keras.models.load_model(tmp_path / "backbone")
    for clips in (CLIPS, OTHER_CLIPS):
        assert not changed(loaded(clips), model(clips))
    assert loaded.output_specs == model.output_specs


@pytest.mark.slow
def test_tensorflow_saves_and_loads_a_classifier_with_it(small, tmp_path):
    backbone = add_rstg(small, "3", **OPTIONS)
    randomise(backbone.get_layer("rstg_3"))
    model = VideoClassificationModel(backbone, num_classes=5)
    tf.saved_model.save(model, str(tmp_path))
    loaded = tf.saved_model.load(str(tmp_path))
    for clips in (CLIPS, OTHER_CLIPS):
        expected = model({"image": clips}, training=False)
        received = loaded({"image": clips}, training=False)
        assert_close(received, expected)


def test_refuses_what_has_no_such_endpoint(small):
    with pytest.raises(
        ValueError, match=r"one of \['2', '3', '4', '5'\]. Received: endpoint='res3'"
    ):
        add_rstg(small, "res3")
    plain = tf.keras.Sequential([tf.keras.Input((4, 8, 8, 3)), tf.keras.layers.Dense(1)])
    for backbone in (plain, tf.keras.Model()):
        with pytest.raises(ValueError, match=r"functional Keras model .* dict of endpoints"):
            add_rstg(backbone, "3")
