"""`pipelines/convert_checkpoint.py` as a user calls it, on the authors' smallest network."""

import json
import pathlib
import subprocess
import sys

import numpy as np
import oracle
import pytest
import yaml
from closeness import REFERENCE, assert_close

import rstg_tf
from rstg_tf import experiments
from rstg_tf.hub import manifest
from rstg_tf.zoo import conversion

COMMAND = pathlib.Path(__file__).resolve().parents[2] / "pipelines" / "convert_checkpoint.py"


def convert(folder, **changes):
    case = oracle.FOLDER / "cases" / "M1"
    arguments = {
        "config": case / "config.yaml",
        "checkpoint": case / "checkpoint" / "model_5000.ckpt",
        "zoo": folder / "zoo",
        "name": "sync5",
        **changes,
    }
    flags = [f"--{name}={value}" for name, value in arguments.items()]
    return subprocess.run(
        [sys.executable, COMMAND, *flags], cwd=folder, capture_output=True, text=True, check=False
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    oracle.require()
    folder = tmp_path_factory.mktemp("conversion")
    (folder / "labels.txt").write_text("".join(f"pair {number}\n" for number in range(46)))
    done = convert(folder, labels=folder / "labels.txt")
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == f"published {folder / 'zoo' / 'sync5'}"
    return folder


@pytest.fixture(scope="module")
def model(folder):
    return rstg_tf.load_model(folder / "zoo" / "sync5")


def test_entry_gives_the_authors_logits(model):
    clips, expected = oracle.inputs("M1_pixel"), oracle.expected("M1_pixel")["logits"]
    assert_close(model.classify_floats(clips), expected, REFERENCE)
    pixels = np.uint8(np.clip(clips, 0, 255))
    logits = model.classify_floats(np.float32(pixels))
    assert_close(model(pixels)["logits"], logits)


def test_entry_has_what_a_user_needs(folder, model):
    zoo = folder / "zoo"
    listed = manifest.read_manifest(zoo)["sync5"]
    assert listed["files"] == manifest.checksums(zoo / "sync5")
    assert (zoo / "sync5" / "assets" / "labels.txt").read_text().splitlines()[45] == "pair 45"
    source = json.loads((zoo / "sync5" / "conversion.json").read_text())
    assert source["checkpoint"] == "model_5000.ckpt"
    card = (zoo / "sync5" / "README.md").read_text()
    for words in ("the authors'", source["checkpoint_sha256"], "Not measured here", "positional"):
        assert words in card
    config = experiments.apply_file(experiments.Experiment(), zoo / "sync5" / "config.yaml")
    built = experiments.build_model(config.model)
    built.set_weights(model.get_weights())
    clips = oracle.inputs("M1_pixel")
    expected = model.classify_floats(clips)
    assert_close(built.classify_floats(clips), expected)


def test_a_config_that_does_not_fit_lists_both_sides_and_writes_nothing(folder):
    flags = yaml.safe_load((oracle.FOLDER / "cases" / "M1" / "config.yaml").read_text())
    (folder / "other.yaml").write_text(yaml.safe_dump({**flags, "scalewise_update": True}))
    done = convert(folder, config=folder / "other.yaml", name="other")
    assert done.returncode == 2
    first, *listed = done.stderr.splitlines()
    assert first.startswith("error: every variable must find its place: 12 that the flags ask for")
    scope = "tower/whole_graph_model_final"
    assert f"  missing: {scope}/update_node_mlp_/update_conv1_type1/kernel" in listed
    assert f"  left over: {scope}/update_node_mlp/update_conv1/kernel (1, 64, 32)" in listed
    assert not (folder / "zoo" / "other").exists()
    assert set(manifest.read_manifest(folder / "zoo")) == {"sync5"}


def test_labels_of_another_number_and_existing_entries_are_refused(folder):
    done = convert(folder)
    assert done.returncode == 2 and "--overwrite" in done.stderr
    (folder / "few.txt").write_text("one\ntwo\n")
    with pytest.raises(ValueError, match=r"names of 46 classes. Received: 2 in .*few.txt"):
        conversion.read_labels(folder / "few.txt", 46)


def test_labels_of_something_something_v2(tmp_path):
    (tmp_path / "labels.json").write_text(json.dumps({"Tearing [sth]": "1", "Holding [sth]": "0"}))
    names = conversion.read_labels(tmp_path / "labels.json", 2)
    assert names == ["Holding [sth]", "Tearing [sth]"]
    assert conversion.read_labels(None, 2) == ["class_0", "class_1"]
