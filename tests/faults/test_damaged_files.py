"""Changed bytes of all that trainings, entries and conversions leave and read."""

import pathlib
import shutil

import numpy as np
import pytest
import yaml
from tf1_checkpoint import write_checkpoint
from tiny import checkpoint_values

from rstg_tf.convert.checkpoint import read_checkpoint
from rstg_tf.experiments import Experiment, apply_file
from rstg_tf.hub import manifest, records
from rstg_tf.hub.entries import verified_directory
from rstg_tf.hub.loading import load_saved_model
from rstg_tf.hub.saved_model import read_class_names, weights_checksum
from rstg_tf.runs import RunFolder
from rstg_tf.runs.checkpoints import CheckpointFolder, check_checkpoint
from rstg_tf.runs.log import read_log

pytestmark = pytest.mark.slow
CHANGES = 200


def changed(good, number, rng):
    """A copy with one bit turned; every fourth with bytes cut out."""
    bad, place = bytearray(good), int(rng.integers(len(good)))
    if number % 4 == 3:
        del bad[place : place + int(rng.integers(1, 99))]
    else:
        bad[place] ^= 1 << int(rng.integers(8))
    return bytes(bad)


def try_changes(path, read, counted, trial, checksum):
    """Reads a file 200 times, each time changed: all is told in a line, or harmless."""
    good, wanted, rng = path.read_bytes(), read(), np.random.default_rng(1)
    counts = {"told": 0, "harmless": 0, "taken_silently": 0, "other_errors": 0}
    for number in range(CHANGES):
        path.write_bytes(changed(good, number, rng))
        try:
            found = read()
        except (ValueError, FileNotFoundError) as error:
            one_line = "\n" not in str(error) and str(path.parent) in str(error)
            counts["told" if one_line else "other_errors"] += 1
            print("" if one_line else f"{number}: {error}")
        except Exception as error:
            counts["other_errors"] += 1
            print(f"{number}: {error!r}")
        else:
            counts["harmless" if found == wanted else "taken_silently"] += 1
    path.write_bytes(good)
    counted(f"changed bytes of {trial}", tried=CHANGES, **counts)
    assert not counts["other_errors"]
    assert not (checksum and counts["taken_silently"])


def values(arrays):
    arrays = {name: np.asarray(array) for name, array in arrays.items()}
    return {
        name: (str(array.dtype), array.shape, array.tobytes()) for name, array in arrays.items()
    }


@pytest.mark.parametrize("suffix", ["index", "data-00000-of-00001"])
def test_checkpoints_of_tensorflow_1(tmp_path, counted, suffix):
    weights = {f"tower/{n}/kernel": np.full((5, 7), n, np.float32) for n in range(6)}
    prefix = write_checkpoint(tmp_path / "model.ckpt", weights)
    try_changes(
        pathlib.Path(f"{prefix}.{suffix}"),
        lambda: values(read_checkpoint(prefix)),
        counted, f"TensorFlow 1 checkpoints ({suffix.split('-')[0]})", checksum=True,
    )  # fmt: skip


@pytest.mark.parametrize("suffix", ["index", "data-00000-of-00001"])
def test_checkpoints_of_trainings(run, tmp_path, counted, suffix):
    last = CheckpointFolder(shutil.copytree(RunFolder(run).last, tmp_path / "last"))
    prefix = last.prefix(last.steps()[0])
    try_changes(
        pathlib.Path(f"{prefix}.{suffix}"),
        lambda: check_checkpoint(prefix) or values(checkpoint_values(last.path)),
        counted, f"checkpoints ({suffix.split('-')[0]})", checksum=True,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("name", "read"),
    [
        ("config.yaml", lambda path: apply_file(Experiment(), path)),
        ("summary.json", records.read_summary),
        ("log.csv", read_log),
        ("classes.txt", lambda path: RunFolder(path.parent).read_classes()),
    ],
)
def test_small_files_of_trainings(run, tmp_path, counted, name, read):
    path = pathlib.Path(shutil.copy(run / name, tmp_path))
    try_changes(path, lambda: read(path), counted, f"a training's {name}", checksum=False)


@pytest.fixture
def entry(zoo, tmp_path):
    """A copy of an entry, in a copy of its zoo."""
    return pathlib.Path(shutil.copytree(zoo, tmp_path / "zoo")) / "tiny"


@pytest.mark.parametrize(
    "name",
    ["entry.json", "config.yaml", "metrics.json", "costs.json", "training.json", "per_class.csv",
     "log.csv", "assets/labels.txt", "saved_model.pb", "keras_metadata.pb", "example.npz",
     "variables/variables.index", "variables/variables.data-00000-of-00001"],
)  # fmt: skip
def test_files_of_an_entry(entry, counted, name):
    """The checksums tell each change before anything is read."""
    try_changes(
        entry / name,
        lambda: bool(verified_directory(entry)) and manifest.read_entry(entry),
        counted, f"an entry's {pathlib.PurePath(name).name}", checksum=True,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("name", "read"),
    [
        ("metrics.json", records.read_metrics),
        ("costs.json", records.read_costs),
        ("training.json", records.read_summary),
        ("assets/labels.txt", lambda path: read_class_names(path.parents[1])),
        ("../manifest.json", lambda path: manifest.read_manifest(path.parent)),
    ],
)
def test_readers_without_a_checksum(entry, counted, name, read):
    path = (entry / name).resolve()
    try_changes(path, lambda: read(path), counted, f"{path.name}, read alone", checksum=False)


@pytest.mark.parametrize("name", ["saved_model.pb", "keras_metadata.pb"])
def test_saved_models_of_strangers(entry, tmp_path, counted, name):
    """Without checksums: what loads has the same weights, for these lie elsewhere."""
    alone = pathlib.Path(shutil.copytree(entry, tmp_path / "alone"))
    (alone / manifest.ENTRY).unlink()
    try_changes(
        alone / name,
        lambda: weights_checksum(load_saved_model(alone)),
        counted, f"a stranger's {name}", checksum=False,
    )  # fmt: skip


def test_the_authors_configs(tmp_path, counted):
    from rstg_tf.convert.flags import EXPERIMENTS, read_flags

    path = tmp_path / "flags.yaml"
    path.write_text(yaml.safe_dump(EXPERIMENTS["rstg_res3_4"] | {"num_classes": 174}))
    path.write_text(path.read_text() + "backbone_model: i3d\n")
    try_changes(path, lambda: read_flags(path), counted, "the authors' configs", checksum=False)
