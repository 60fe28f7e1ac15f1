"""A zoo from its experiments: what is stopped goes on, what has learnt nothing stays out."""

import csv
import json
import os
import re
import time

import pytest
import tensorflow as tf
from tiny import OVERRIDES, chance_of_nothing, tiny_experiment

from rstg_tf.hub import manifest
from rstg_tf.zoo import plan
from rstg_tf.zoo.building import build


def go_on(plans, **options):
    return build(plans, num_clips=60, notebooks=False, progress=False, **options)


@pytest.mark.slow
def test_a_zoo_is_built_in_pieces(tmp_path):
    names = {"overrides": OVERRIDES, "runs": tmp_path / "runs"}
    plans = plan.make_plans("interactions_rstg", zoo=tmp_path / "zoo", **names)
    readme = tmp_path / "zoo" / "README.md"
    assert plan.state_of(plans[0]) == plan.NOT_TRAINED

    assert go_on(plans, minutes=1e-6) == {}
    assert plan.state_of(plans[0]) == plan.BEGUN
    assert "8 of 16" in plan.progress_table(plans)
    assert "`python pipelines/build_zoo.py --only=interactions_rstg`" in readme.read_text()

    with chance_of_nothing():
        assert go_on(plans) == {}
    with plans[0].run.log.open() as log:
        assert [row["step"] for row in csv.DictReader(log)] == ["2", "4"]
    about = manifest.read_manifest(tmp_path / "zoo")["interactions_rstg"]
    assert about["clip_shape"] == [4, 32, 32, 3]
    assert "[interactions_rstg](interactions_rstg/README.md)" in readme.read_text()
    assert plan.state_of(plans[0]) == plan.INCOMPLETE  # It has no notebook.

    before = manifest.checksums(tmp_path / "zoo")
    assert go_on(plans) == {}
    assert manifest.checksums(tmp_path / "zoo") == before

    again = plan.make_plans("interactions_rstg", zoo=tmp_path / "another", **names)
    assert plan.state_of(again[0]) == plan.TRAINED
    metrics = json.loads(again[0].metrics.read_text())
    metrics["figures"]["chance"] = 0.5
    again[0].metrics.write_text(json.dumps(metrics))
    assert plan.state_of(again[0]) == plan.AT_CHANCE
    assert go_on(again) == {}
    assert [path.name for path in (tmp_path / "another").iterdir()] == ["README.md"]


def test_a_training_of_other_settings_fails_and_the_rest_goes_on(tmp_path):
    names = {"overrides": OVERRIDES, "runs": tmp_path / "runs", "zoo": tmp_path / "zoo"}
    plans = plan.make_plans("interactions_rstg,interactions_mean", **names)
    assert [entry.name for entry in plans] == ["interactions_mean", "interactions_rstg"]
    plans[0].run.claim(tiny_experiment(overrides={"trainer": {"seed": 1}}), ["a"])
    plans[0].run.write_summary({"steps": 4, "videos": 16, "minutes": 0.1})
    failed = go_on(plans, minutes=0)
    assert list(failed) == ["interactions_mean"]
    assert "trainer.seed: 1 there" in failed["interactions_mean"]
    assert plan.state_of(plans[1]) == plan.NOT_TRAINED


def test_the_plan_is_the_poster_and_names_what_is_closest():
    names = [entry.name for entry in plan.make_plans()]
    assert names[3:12] == [
        *("c2d", "rstg_c2d", "i3d", "i3d_nl"),
        *("rstg_vec", "rstg_res2", "rstg_res3", "rstg_res4", "rstg_res3_4"),
    ]
    assert names[12:14] == ["sync3_mean_lstm", "sync3_conv_lstm"]
    assert plan.make_plans("i3d", "paper")[0].name == "i3d_paper"
    with pytest.raises(ValueError, match=r"rstg_res3_4.*Received: 'rstg_res34'"):
        plan.make_plans("i3d,rstg_res34")


def test_a_training_out_of_memory_takes_its_time_off_the_budget(tmp_path, monkeypatch):
    tried = []

    def fail(config, *_):
        tried.append(config.name)
        time.sleep(0.1)
        raise tf.errors.ResourceExhaustedError(None, None, "out of memory")

    monkeypatch.setattr("rstg_tf.zoo.building.train", fail)
    names = {"runs": tmp_path / "runs", "zoo": tmp_path / "zoo"}
    failed = go_on(plan.make_plans("i3d,c2d", **names), minutes=0.05 / 60)
    assert tried == ["c2d"] and "out of memory" in failed["c2d"]
    assert (tmp_path / "zoo" / "README.md").exists()


def test_what_is_published_has_the_numbers_of_its_training(tmp_path):
    name = "sync3_rstg_alltemp"
    table = plan.progress_table(plan.make_plans(name, runs=tmp_path))
    training = json.loads((manifest.zoo_directory() / name / "training.json").read_text())
    assert re.search(rf"{training['videos']:,} +{training['minutes']:.0f} ", table)


def test_a_zoo_of_its_own_starts_from_its_own_models(tmp_path):
    for zoo in (None, manifest.zoo_directory(), os.path.relpath(manifest.zoo_directory())):
        default = plan.make_plans("sync5_rstg_alltemp", zoo=zoo)[0]
        assert default.config.trainer.init_checkpoint == "sync3_rstg_alltemp"
    names = {"runs": tmp_path / "runs", "zoo": tmp_path / "zoo"}
    own = plan.make_plans("sync5_rstg_alltemp", **names)
    start = str(tmp_path / "zoo" / "sync3_rstg_alltemp")
    assert own[0].config.trainer.init_checkpoint == start
    assert start in go_on(own)["sync5_rstg_alltemp"]
