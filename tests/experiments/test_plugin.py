"""A backbone and an experiment from outside of the package: the code of the page about them."""

import os
import pathlib
import re
import subprocess
import sys

import pytest
from tiny import as_flag

REPOSITORY = pathlib.Path(__file__).parents[2]
PAGE = REPOSITORY / "docs" / "adding_a_backbone.md"
SETTINGS = {"model": {"backbone": {"patches": {"filters": 8}}}}
USE = """
import pathlib, sys
import tensorflow as tf
import rstg_tf
from rstg_tf.describe import describe
from rstg_tf.experiments import build_model, rows
from rstg_tf.runs import RunFolder
from rstg_tf.hub.manifest import read_manifest
from rstg_tf.zoo import tables
from rstg_tf.zoo.publishing import publish
from tiny import chance_of_nothing

run, zoo = map(pathlib.Path, sys.argv[1:])
config = RunFolder(run).read_config()
description = describe(build_model(config.model), (4, 32, 32))
assert any("Patches" in str(stage) or "backbone" in str(stage) for stage in description.stages)
assert ("interactions_patches", "interactions_mean") in rows.compared_pairs()
assert "--only=interactions_patches" in tables.render({})
with chance_of_nothing():
    entry = publish(run, "interactions_patches", zoo, num_clips=4, progress=False)
assert "patches` per frame" in (entry / "README.md").read_text()
assert "(interactions_patches/" in tables.render(read_manifest(zoo))
model = rstg_tf.load_model("interactions_patches", zoo)
assert type(model.backbone).__module__ == "my_backbone"
clips = tf.zeros([2, 4, 32, 32, 3], tf.uint8)
elsewhere = tf.keras.models.load_model(entry)
tf.debugging.assert_near(model(clips)["logits"], elsewhere(clips)["logits"])
"""


@pytest.fixture(scope="module")
def plugin(tmp_path_factory):
    """Runs Python with the modules of the page; returns what it printed."""
    folder = tmp_path_factory.mktemp("plugin")
    layer, experiment = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    (folder / "my_backbone.py").write_text(layer)
    (folder / "my_experiment.py").write_text(experiment)
    path = os.pathsep.join(map(str, (folder, REPOSITORY, REPOSITORY / "tests")))
    names = {"PYTHONPATH": path, "RSTG_TF_PLUGINS": "my_backbone, my_experiment"}

    def run(*arguments, **variables):
        return subprocess.run(
            [sys.executable, *map(str, arguments)],
            capture_output=True,
            text=True,
            cwd=REPOSITORY,
            env={**os.environ, **names, **variables},
        )

    run.folder = folder
    return run


def succeeds(done):
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_plug_in_is_seen_everywhere(plugin):
    assert succeeds(plugin("pipelines/train.py", "--list=*_patches")) == "interactions_patches\n"
    only, run = "--only=interactions_patches,interactions_mean", plugin.folder / "run"
    status = succeeds(plugin("pipelines/build_zoo.py", "--status", only, "--runs", plugin.folder))
    assert re.search(r"interactions_patches.*not trained", status)
    train = ("--experiment=interactions_patches", f"--output={run}")
    trained = succeeds(
        plugin("pipelines/train.py", *train, f"--params-override={as_flag(SETTINGS)}")
    )
    assert f"trained into {run}" in trained
    succeeds(plugin("-c", USE, run, plugin.folder / "zoo"))


def test_a_missing_plug_in_is_told_in_one_line(plugin):
    done = plugin("pipelines/train.py", "--list", RSTG_TF_PLUGINS="my_backbon")
    assert done.returncode != 0 and "Traceback" not in done.stderr
    message = done.stderr.strip().splitlines()[-1]
    assert re.search(r"error: .*RSTG_TF_PLUGINS.*Received: 'my_backbon' \(No module", message)
