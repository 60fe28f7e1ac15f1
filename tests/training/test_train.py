"""Trainings in this process, on one device."""

import csv
import json
import shutil

import numpy as np
import pytest
import tensorflow as tf
from bfloat16 import needs_bfloat16
from closeness import relative_difference
from tiny import tiny_experiment

from rstg_tf import experiments
from rstg_tf.runs import RunFolder, restore
from rstg_tf.training import train
from rstg_tf.training.callbacks import DivergedError


def learning_rate(value, kind="cosine"):
    name = "initial_learning_rate" if kind == "cosine" else "learning_rate"
    return {"learning_rate": {"type": kind, kind: {name: value}}}


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A finished training of 5 steps with checkpoints every 2 and a validation at 4 and 5."""
    folder = tmp_path_factory.mktemp("runs") / "run"
    config = tiny_experiment(overrides={"trainer": {"train_steps": 5, "validation_interval": 4}})
    return train(config, folder)


def test_folder_holds_what_a_run_is(run):
    config = run.read_config()
    assert config.name == "interactions_rstg"
    assert config.model.num_classes == len(run.read_classes())
    assert config.trainer.optimizer_config.learning_rate.cosine.decay_steps == 5
    assert list(run.tensorboard.glob("events.out.tfevents.*"))
    assert tf.train.latest_checkpoint(str(run.last)).endswith("ckpt-5")
    assert tf.train.latest_checkpoint(str(run.best)).rpartition("-")[2] in ("4", "5")
    summary = json.loads(run.summary.read_text())
    assert (summary["steps"], summary["videos"], summary["seed"]) == (5, 20, 0)
    assert set(summary["best_validation"]) == {"step", "loss", "accuracy"}
    assert summary["minutes"] > 0
    assert {"hardware", "versions", "commit", "parameters"} <= set(summary)


def test_a_config_that_is_refused_claims_no_folder(tmp_path):
    wrong = tiny_experiment(overrides={"model": {"head": {"rstg": {"heads": 3}}}})
    with pytest.raises(ValueError, match="`node_dim` must be divisible by `heads`"):
        train(wrong, tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_log_has_a_row_for_every_checkpoint(run):
    with run.log.open() as file:
        rows = list(csv.DictReader(file))
    assert [int(row["step"]) for row in rows] == [2, 4, 5]
    assert [int(row["videos"]) for row in rows] == [8, 16, 20]
    assert [bool(row["val_accuracy"]) for row in rows] == [False, True, True]
    # At step n the schedule's value for n - 1 was used.
    cosine = run.read_config().trainer.optimizer_config.learning_rate.cosine
    schedule = tf.keras.optimizers.schedules.CosineDecay(cosine.initial_learning_rate, 5)
    assert float(rows[1]["learning_rate"]) == pytest.approx(float(schedule(3)), rel=1e-5)


def test_restore_gives_the_validated_weights(run):
    model, config = restore(run.path, "best")
    source = experiments.build_source(config.validation_data)
    clips, labels = source.batch(range(config.validation_data.num_examples))
    hits = np.argmax(model(clips)["logits"], axis=1) == labels
    best = json.loads(run.summary.read_text())["best_validation"]
    assert np.mean(hits) == pytest.approx(best["accuracy"])
    losses = tf.keras.losses.sparse_categorical_crossentropy(
        labels, model(clips)["logits"], from_logits=True
    )
    assert np.mean(losses) == pytest.approx(best["loss"], rel=1e-4)


def test_restore_last_averages(run):
    averaged, _ = restore(run.path, "last")
    raw, config = restore(run.path, "last")
    tf.train.Checkpoint(model=raw).restore(
        tf.train.latest_checkpoint(str(run.last))
    ).expect_partial()
    assert config.trainer.optimizer_config.ema is not None
    pairs = zip(averaged.get_weights(), raw.get_weights(), strict=True)
    assert max(relative_difference(a, b) for a, b in pairs if b.any()) > 1e-4


def test_finished_training_stays_as_it_is(run):
    before = run.log.read_text()
    config = tiny_experiment(overrides={"trainer": {"train_steps": 5, "validation_interval": 4}})
    train(config, run.path)
    assert run.log.read_text() == before


def test_folder_of_another_config_is_refused(run):
    config = tiny_experiment(
        overrides={
            "model": {"head": {"rstg": {"node_dim": 16}}},
            "trainer": {"train_steps": 5, "validation_interval": 4, "seed": 3},
        }
    )
    with pytest.raises(ValueError, match="other settings") as error:
        train(config, run.path)
    assert "model.head.rstg.node_dim: 8 there, 16 now" in str(error.value)
    assert "trainer.seed: 0 there, 3 now" in str(error.value)
    assert "checkpoint_interval" not in str(error.value)


def test_restore_says_what_is_missing(run, tmp_path):
    with pytest.raises(FileNotFoundError, match="Not a training run folder"):
        restore(tmp_path)
    (tmp_path / "config.yaml").write_text(run.config.read_text())
    with pytest.raises(FileNotFoundError, match="no best checkpoint"):
        restore(tmp_path)
    with pytest.raises(ValueError, match="which='first'"):
        restore(run.path, "first")


def test_best_weights_are_those_that_the_last_checkpoint_knows_of(run, tmp_path):
    """A training that is killed after it saved better ones goes back to before them."""
    copy = RunFolder(shutil.copytree(run.path, tmp_path / "copy"))
    model, _ = restore(copy.path)
    expected = model.get_weights()
    for weight in model.weights:
        weight.assign(tf.ones_like(weight))
    later = tf.train.CheckpointManager(tf.train.Checkpoint(model=model), str(copy.best), 2)
    later.save(checkpoint_number=999)
    for weight, wanted in zip(restore(copy.path)[0].get_weights(), expected, strict=True):
        np.testing.assert_array_equal(weight, wanted)
    shutil.rmtree(copy.last)
    assert all((weight == 1).all() for weight in restore(copy.path)[0].get_weights())


def test_one_process_at_a_time_trains_into_a_folder(run):
    config = tiny_experiment(overrides={"trainer": {"train_steps": 5, "validation_interval": 4}})
    with run.held(), pytest.raises(ValueError, match=rf"One process at a time.*{run.path}"):
        train(config, run.path)


def test_damaged_checkpoint_is_named(run, tmp_path):
    copy = shutil.copytree(run.path, tmp_path / "copy")
    data = next((copy / "checkpoints" / "best").glob("*.data-*"))
    data.write_bytes(data.read_bytes()[:100])
    with pytest.raises(ValueError, match=r"can't be read.*Received: .*best"):
        restore(copy, "best")


def test_nan_stops_with_step_rate_and_advice(tmp_path):
    config = tiny_experiment(
        overrides={
            "trainer": {
                "train_steps": 20,
                "checkpoint_interval": 10,
                "optimizer_config": {
                    **learning_rate(1e30, "constant"),
                    "warmup": {"type": None},
                },
            }
        }
    )
    with pytest.raises(DivergedError) as error:
        train(config, tmp_path / "run")
    message = str(error.value)
    assert "at step 2 with learning rate 1e+30" in message
    assert "lower trainer.optimizer_config.learning_rate" in message
    assert tf.train.latest_checkpoint(str(tmp_path / "run" / "checkpoints" / "last")) is None


def test_weights_that_the_last_step_spoilt_are_not_saved(tmp_path):
    rate = {**learning_rate(1e39, "constant"), "warmup": {"type": None}}
    trainer = {"checkpoint_interval": 1, "validation_interval": 1, "optimizer_config": rate}
    with pytest.raises(DivergedError, match=r"A weight is not finite at step 1 .*:0$"):
        train(tiny_experiment(overrides={"trainer": trainer}), tmp_path / "run")
    for which in ("last", "best"):
        folder = tmp_path / "run" / "checkpoints" / which
        assert tf.train.latest_checkpoint(str(folder)) is None


@needs_bfloat16
def test_training_learns_from_shards_with_all_switches(tmp_path):
    """Loss falls on few clips; label smoothing, bfloat16, dropout and steps of the rate work."""
    from rstg_tf.data.shards.shard_writer import write_shards
    from rstg_tf.data.synthetic.interactions import Interactions

    for split in ("train", "validation"):
        write_shards(
            Interactions(size=32, frames=4, difficulty=0, split=split, num_examples=8),
            tmp_path / "shards",
        )
    data = {"input_path": str(tmp_path / "shards"), "num_examples": 0}
    config = tiny_experiment(
        "interactions_mean",
        {
            "model": {"dropout": 0.1, "head": {"mean": {"units": 32}}},
            "train_data": data,
            "validation_data": data,
            "runtime": {"mixed_precision_dtype": "bfloat16"},
            "trainer": {
                "train_steps": 60,
                "checkpoint_interval": 20,
                "validation_interval": 60,
                "label_smoothing": 0.1,
                "optimizer_config": {
                    "learning_rate": {
                        "type": "stepwise",
                        "stepwise": {"boundaries": [40], "values": [0.01, 0.001]},
                    },
                },
            },
        },
    )
    folder = train(config, tmp_path / "run")
    with folder.log.open() as file:
        rows = list(csv.DictReader(file))
    assert float(rows[-1]["loss"]) < 0.75 * float(rows[0]["loss"])
    assert float(rows[-1]["learning_rate"]) == pytest.approx(0.001)
    assert tf.keras.mixed_precision.global_policy().name == "float32"
