"""Trainings whose steps ran elsewhere."""

import csv
import json
import shutil

import numpy as np
import pytest
import tensorflow as tf
from closeness import FORWARD, assert_all_close
from tiny import tiny_experiment

from rstg_tf.experiments import build_model, build_source, resolve
from rstg_tf.experiments.build import build_optimizer
from rstg_tf.runs import restore
from rstg_tf.runs.checkpoints import averaged_weights
from rstg_tf.training import make_train_step, step_variables, train
from rstg_tf.training.adopt import adopt

STEPS = 4


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory):
    """What an exported step would leave: it runs here, as a step that takes the learning rate."""
    folder = tmp_path_factory.mktemp("elsewhere")
    plain = {
        "learning_rate": {"type": "constant", "constant": {"learning_rate": 0.0}},
        "warmup": {"type": None},
    }
    config = tiny_experiment(overrides={"trainer": {"optimizer_config": plain}})
    source = build_source(config.train_data)
    config = resolve(config, source)
    tf.keras.utils.set_random_seed(3)
    model = build_model(config.model)
    optimizer = build_optimizer(config.trainer.optimizer_config, model.trainable_variables)
    step = make_train_step(model, optimizer, takes_learning_rate=True)
    clips, labels = source.batch(range(4))
    arguments = (tf.constant(clips), tf.constant(labels), tf.constant(1e-3))
    by_handle = {
        id(v.handle): v for v in step_variables(model, optimizer) if isinstance(v, tf.Variable)
    }
    captured = step.get_concrete_function(*arguments).captured_inputs
    variables = [by_handle[id(handle)] for handle in captured]
    rows = [(number, 0.5 * number, *map(float, step(*arguments)), 1e-3) for number in (1, 2, 3, 4)]
    with (folder / "log.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["step", "seconds", "loss", "accuracy", "learning_rate"])
        writer.writerows(rows)
    meta = {
        "arguments": [{"shape": a.shape.as_list(), "dtype": a.dtype.name} for a in arguments],
        "captured": [{"name": v.name, "shape": v.shape.as_list()} for v in variables],
    }
    (folder / "meta.json").write_text(json.dumps(meta))
    np.savez(folder / "state.npz", **{f"v{i}": v.numpy() for i, v in enumerate(variables)})
    with averaged_weights(model, optimizer):
        averaged = model.get_weights()
    return folder, model.get_weights(), averaged


def adopted(folder, run, config=None):
    return adopt(
        config or tiny_experiment(),
        folder / "meta.json",
        folder / "state.npz",
        folder / "log.csv",
        run,
        "1 x something fast",
        "It came by post.",
    )


def test_what_comes_back_is_a_training_as_any_other(elsewhere, tmp_path):
    folder, raw, averaged = elsewhere
    run = adopted(folder, tmp_path / "run")
    assert_all_close(restore(run.path)[0].get_weights(), averaged, FORWARD)
    summary = json.loads(run.summary.read_text())
    assert (summary["steps"], summary["videos"]) == (STEPS, 4 * STEPS)
    assert summary["hardware"] == "1 x something fast"
    assert summary["note"] == "It came by post."
    assert summary["best_validation"]["step"] == STEPS
    assert 0 <= summary["best_validation"]["accuracy"] <= 1
    with run.log.open() as file:
        assert [int(row["videos"]) for row in csv.DictReader(file)] == [4, 8, 12, 16]

    # `train` finds it complete, and its optimizer where it was.
    assert train(tiny_experiment(), run.path).path == run.path
    last = tf.train.load_checkpoint(tf.train.latest_checkpoint(str(run.last)))
    names = [name for name in last.get_variable_to_shape_map() if "iterations" in name]
    assert [last.get_tensor(name) for name in names] == [STEPS]
    values = [last.get_tensor(name) for name in last.get_variable_to_shape_map()]
    assert all(any(np.array_equal(weight, value) for value in values) for weight in raw)


def test_a_folder_that_exists_is_left_alone(elsewhere, tmp_path):
    with pytest.raises(FileExistsError, match=str(tmp_path)):
        adopted(elsewhere[0], tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_step_of_another_batch(elsewhere, tmp_path):
    other = tiny_experiment(overrides={"train_data": {"global_batch_size": 8}})
    with pytest.raises(ValueError, match=r"takes clips \[8, 4, 32, 32, 3\].*\[4, 4, 32, 32, 3\]"):
        adopted(elsewhere[0], tmp_path / "run", other)


@pytest.mark.parametrize(
    ("file", "damage", "message"),
    [
        ("meta.json", lambda data: data[:40], r"is damaged \(.*char 4"),
        ("meta.json", lambda data: data.replace(b"captured", b"caught"), "it lacks 'captured'"),
        ("state.npz", lambda data: data[:-200], "BadZipFile"),
        ("state.npz", lambda data: b"", "EOFError"),
        ("state.npz", lambda data: b"no numbers", "ValueError"),
        ("log.csv", lambda data: data.replace(b"seconds", b"hours"), "KeyError: 'seconds'"),
        ("log.csv", lambda data: data.replace(b"\n1,", b"\none,"), "ValueError: .*'one'"),
        ("log.csv", lambda data: data + b"4,9.0,1,1,1", "step 4 after 9.0 s behind step 4"),
        ("log.csv", lambda data: data[: data.index(b"\n")], "a log with rows"),
    ],
)
def test_damaged_files_are_named(elsewhere, tmp_path, file, damage, message):
    folder = tmp_path / "elsewhere"
    shutil.copytree(elsewhere[0], folder)
    (folder / file).write_bytes(damage((folder / file).read_bytes()))
    with pytest.raises(ValueError, match=message) as caught:
        adopted(folder, tmp_path / "run")
    assert str(folder / file) in str(caught.value)
    assert not (tmp_path / "run").exists()


def test_variables_of_another_model(elsewhere, tmp_path):
    other = tiny_experiment(overrides={"model": {"head": {"rstg": {"node_dim": 16}}}})
    with pytest.raises(ValueError, match=r"step of 'interactions_rstg'\. Received: .* as number"):
        adopted(elsewhere[0], tmp_path / "run", other)
    assert not (tmp_path / "run").exists()


def test_a_training_that_did_not_reach_its_end(elsewhere, tmp_path):
    longer = tiny_experiment(overrides={"trainer": {"train_steps": 6}})
    with pytest.raises(ValueError, match=r"has 6 steps.*ends at step 4"):
        adopted(elsewhere[0], tmp_path / "run", longer)
    assert not (tmp_path / "run").exists()
