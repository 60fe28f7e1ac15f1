"""A video ResNet with graphs inside through the whole thread: train, publish, load."""

import numpy as np
import pytest
from closeness import assert_close
from tf1_checkpoint import write_checkpoint
from tiny import chance_of_nothing, tiny_experiment

import rstg_tf
from rstg_tf.convert.network import plan_backbone
from rstg_tf.experiments import check, resolve
from rstg_tf.experiments.build import build_source
from rstg_tf.runs import restore
from rstg_tf.training import train
from rstg_tf.training.train import build_trainee
from rstg_tf.zoo import publish

GRAPH = {"node_dim": 8, "message_dim": 8, "iterations": 1, "scales": [2, 1]}
TINY = {
    "model": {"backbone": {"video_resnet": {"width": 1 / 32, "graph_options": GRAPH}}},
    "trainer": {"train_steps": 2, "checkpoint_interval": 1},
}


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return train(tiny_experiment("rstg_res3", TINY), tmp_path_factory.mktemp("resnet") / "run")


def make_clips():
    return np.random.default_rng(0).integers(0, 256, (2, 4, 32, 32, 3), np.uint8)


def test_trains_and_comes_back(run):
    model, config = restore(run.path)
    assert list(model.blocks) == ["res3"] and config.model.backbone.type == "video_resnet"
    assert np.isfinite(model(make_clips())["logits"]).all()
    shape = model.attention(make_clips(), place="res3").shape
    assert shape == (2, 2, 1, len(model.block.edges))


@pytest.mark.slow
def test_published_model_predicts_the_same(run, tmp_path):
    with chance_of_nothing():
        entry = publish(run.path, "tiny", zoo=tmp_path / "zoo", num_clips=6, progress=False)
    card = (entry / "README.md").read_text()
    assert "(I3D: kernels over several frames), then the average over time and space." in card
    assert "Its graph stands in res3 and has the regions of 2×2 + 1×1 grids" in card
    expected = restore(run.path)[0](make_clips())["logits"]
    found = rstg_tf.load_model(entry)(make_clips())["logits"]
    assert_close(found, expected)


def test_a_training_starts_from_the_backbone_of_a_checkpoint(tmp_path):
    config = tiny_experiment("i3d", TINY)
    config = resolve(config, build_source(config.train_data))
    scope = "tower/resnet_i3d/backbone/"
    plan = plan_backbone(build_trainee(config).classifier.backbone, scope)
    rng = np.random.default_rng(0)
    values = {
        step.names[0]: rng.uniform(0.5, 1, step.weight.shape).astype(np.float32) for step in plan
    }
    config.trainer.init_checkpoint = write_checkpoint(tmp_path / "kinetics.ckpt", values)
    check(config)
    trainee = build_trainee(config)
    for step in plan_backbone(trainee.classifier.backbone, scope):
        np.testing.assert_array_equal(step.weight, values[step.names[0]])
    # The average of the weights starts there, too.
    trainee.optimizer.build(trainee.classifier.trainable_variables)
    stem = trainee.classifier.backbone.stem.kernel
    (average,) = [
        variable
        for variable in trainee.optimizer.variables
        if variable.shape == stem.shape and "average" in variable.name
    ]
    np.testing.assert_array_equal(average, stem)
    config.model.backbone.type = "simple_conv"
    with pytest.raises(ValueError, match=r"fills a VideoResNet. Received: a SimpleConv"):
        build_trainee(config)
