"""Trainings that start from weights that were trained before."""

import json
import shutil

import numpy as np
import pytest
from tiny import chance_of_nothing, tiny_experiment

from rstg_tf.experiments import apply_overrides, build_source, resolve
from rstg_tf.runs import restore
from rstg_tf.training import train
from rstg_tf.training.train import build_trainee
from rstg_tf.zoo import publish

# Its weights are the same for any number of rounds; iteration_batch has statistics of each.
LAYER_NORM = {"model": {"head": {"rstg": {"norm": "layer"}}}}


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "run"
    config = tiny_experiment(overrides={**LAYER_NORM, "trainer": {"train_steps": 2}})
    return train(config, folder).path


def start(init_checkpoint, name="interactions_rstg", num_classes=None, model=None):
    config = apply_overrides(tiny_experiment(name, LAYER_NORM), {"model": model or {}})
    config = resolve(config, build_source(config.train_data))
    config.trainer.init_checkpoint = str(init_checkpoint)
    config.model.num_classes = num_classes or config.model.num_classes
    return build_trainee(config).classifier


def test_all_weights_of_a_training_whatever_the_rounds_of_the_graph(run):
    trained, _ = restore(run)
    started = start(run, model={"head": {"rstg": {"iterations": 3}}})
    for source, weight in zip(trained.get_weights(), started.get_weights(), strict=True):
        np.testing.assert_array_equal(weight, source)


def test_layers_that_have_other_weights_start_fresh_and_are_named(run):
    trained, _ = restore(run)
    with pytest.warns(UserWarning, match=r"start fresh: \['classifier'\]"):
        started = start(run, num_classes=3)
    for name in ("backbone", "head"):
        sources = trained.get_layer(name).get_weights()
        for source, weight in zip(sources, started.get_layer(name).get_weights(), strict=True):
            np.testing.assert_array_equal(weight, source)
    with pytest.warns(UserWarning, match=r"start fresh: \['head'\]"):
        start(run, name="interactions_lstm", model={"head": {"conv_lstm": {"units": 8}}})


def test_a_published_model(run, tmp_path, monkeypatch):
    with chance_of_nothing():
        entry = publish(run, "tiny", zoo=tmp_path / "zoo", num_clips=64, progress=False)
    monkeypatch.setenv("RSTG_TF_MODEL_ZOO", str(tmp_path / "zoo"))
    for path in (entry, "tiny"):
        started = start(path).get_weights()
        for source, weight in zip(restore(run)[0].get_weights(), started, strict=True):
            np.testing.assert_array_equal(weight, source)


def test_what_can_not_be_started_from(run, tmp_path):
    narrow = {
        "backbone": {"simple_conv": {"filters": [4, 8, 4]}},
        "head": {"rstg": {"node_dim": 4}},
    }
    with pytest.raises(ValueError, match=f"Received: {run}, where both have others"):
        start(run, model=narrow)
    with pytest.raises(FileNotFoundError, match=r"Received: .*none, where there is nothing"):
        start(tmp_path / "none")


def test_a_training_that_goes_on_does_not_need_its_start(run, tmp_path):
    start_of = shutil.copytree(run, tmp_path / "start")
    overrides = {**LAYER_NORM, "trainer": {"init_checkpoint": str(start_of)}}
    config = tiny_experiment(overrides=overrides)
    folder = train(config, tmp_path / "run", minutes=0)
    assert json.loads(folder.summary.read_text())["steps"] == 2
    shutil.rmtree(start_of)
    train(config, tmp_path / "run")
    assert json.loads(folder.summary.read_text())["steps"] == 4
