"""The entries of this repository's `model_zoo/` are what their manifest and examples say."""

import pathlib
import subprocess
import sys

import numpy as np
import pytest
from closeness import assert_close

import rstg_tf
from rstg_tf.hub import manifest
from rstg_tf.zoo import publishing

ZOO = manifest.zoo_directory()
ENTRIES = manifest.read_manifest(ZOO)
# One of each kind of model; a video ResNet takes ten seconds to load, so all of them are slow.
SOME = [n for n in ("rstg_res3_4", "sync3_rstg_positional", "interactions_rstg") if n in ENTRIES]


def example_of(name):
    with np.load(ZOO / name / "example.npz") as example:
        return dict(example)


def assert_graphs_listen(model, clips, name):
    """In its last round, too, what a graph attends to depends on the clip."""
    for place, block in model.blocks.items():
        if block.variant == "time_only":
            continue
        last, last_of_mirrored = (
            model.attention(shown, place)[:, :, -1] for shown in (clips, clips[:, ::-1, :, ::-1])
        )
        difference = np.abs(last - last_of_mirrored).mean() / np.mean(last)
        assert difference > 0.05, f"{name}: the graph at {place} is the same for every clip"


@pytest.mark.parametrize("name", ENTRIES)
def test_files_are_those_of_the_manifest(name):
    assert manifest.checksums(ZOO / name) == ENTRIES[name]["files"]
    assert sum(path.stat().st_size for path in (ZOO / name).rglob("*") if path.is_file()) <= 8e6
    assert publishing.is_better_than_chance(ENTRIES[name]["figures"])
    assert list(example_of(name)["clips"].shape[1:]) == ENTRIES[name]["clip_shape"]


def test_a_clone_of_the_zoo_is_light():
    sizes = [path.stat().st_size for path in ZOO.rglob("*") if path.is_file()]
    assert sum(sizes) <= 100e6 and max(sizes) <= 20e6


def test_every_folder_is_listed():
    assert {path.name for path in ZOO.iterdir() if path.is_dir()} == set(ENTRIES)


@pytest.mark.parametrize(
    "names", [SOME, pytest.param(list(ENTRIES), marks=pytest.mark.slow)], ids=["some", "all"]
)
def test_keras_and_the_real_layers_give_the_scores_of_the_example(names, tmp_path):
    script, made = pathlib.Path(__file__).with_name("load_entries.py"), tmp_path / "made.npz"
    command = [sys.executable, "-I", script, ZOO.resolve(), *names, made]
    with subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE, text=True) as alone:
        for name in names:
            example = example_of(name)
            model = rstg_tf.load_model(name, zoo=ZOO)
            assert rstg_tf.model_info(name, ZOO).streams == model.streams
            twin = model(example["clips"])
            for output in ("logits", "probabilities"):
                assert_close(twin[output], example[output], name=f"{name}'s {output}")
            assert_graphs_listen(model, example["clips"], name)
        _, errors = alone.communicate()
    assert alone.returncode == 0, errors
    scores = np.load(made)
    for name in names:
        for output in ("logits", "probabilities"):
            found, expected = scores[f"{name}/{output}"], example_of(name)[output]
            assert_close(found, expected, name=f"{name}'s {output}")
