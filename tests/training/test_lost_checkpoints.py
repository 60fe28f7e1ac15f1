"""Trainings whose files were lost or damaged: the newest that can be read, or one line."""

import json
import shutil

import pytest
import tensorflow as tf
from tensorflow.python.framework import config as tf_config
from tiny import checkpoint_values, tiny_experiment

from rstg_tf.experiments import Experiment
from rstg_tf.runs import RunFolder, restore
from rstg_tf.runs.checkpoints import training_state
from rstg_tf.runs.log import RunLog, draw_learning_curve, read_log, write_log
from rstg_tf.training import train
from rstg_tf.training.callbacks import Checkpoints, Validation
from rstg_tf.training.start import has_begun, restore_newest

INTERVAL = 2


def fresh_state():
    model = tf.keras.Sequential([tf.keras.layers.Dense(3, input_shape=(2,))])
    optimizer = tf.keras.optimizers.SGD(momentum=0.9)
    optimizer.build(model.trainable_variables)
    return training_state(model, optimizer)


@pytest.fixture(scope="module")
def template(tmp_path_factory):
    """A training of 6 steps that keeps 3 checkpoints; the validation of step 4 was the best."""
    folder = RunFolder(tmp_path_factory.mktemp("lost") / "run")
    config, state = Experiment(name="lost"), fresh_state()
    config.trainer.max_to_keep = 3
    config.trainer.validation_interval = INTERVAL
    folder.claim(config, ["push", "pull"])
    accuracies = iter([0.25, 0.75, 0.5])
    validation = Validation(
        state, lambda: {"loss": 1.0, "accuracy": next(accuracies)}, config.trainer, folder.best
    )
    log = RunLog(folder, state, config)
    callbacks = [validation, log, Checkpoints(state, config.trainer, folder, log)]
    log.on_train_begin()
    for step in (2, 4, 6):
        logs = {"loss": 2.0, "accuracy": 0.5}
        validation.on_epoch_begin(0)
        state.step.assign(step)
        for weight in state.model.weights:
            weight.assign(tf.fill(weight.shape, float(step)))
        for callback in callbacks:
            callback.on_epoch_end(0, logs)
    return folder


@pytest.fixture
def run(template, tmp_path):
    return RunFolder(shutil.copytree(template.path, tmp_path / "run"))


def resumed(folder):
    """Step that the training goes on from; its files are as they were then."""
    if not has_begun(folder, INTERVAL):
        return 0
    state = fresh_state()
    restore_newest(state, folder)
    step = int(state.step)
    assert (state.model.get_weights()[0] == step).all()
    RunLog(folder, state, folder.read_config()).resume()
    Checkpoints(state, folder.read_config().trainer, folder).tidy(spare=True)
    assert [int(row["step"]) for row in read_log(folder.log)] == list(range(2, step + 1, 2))
    assert folder.read_summary()["steps"] == step
    assert tf.train.latest_checkpoint(folder.last) == str(folder.last / f"ckpt-{step}")
    return step


def damage(path, how):
    data = bytearray(path.read_bytes())
    if how == "cut":
        del data[len(data) // 2 :]
    elif how == "zeroed":
        data[:] = bytes(len(data))
    elif how == "bit":
        data[len(data) // 3] ^= 1
    else:
        data[:] = b""
    path.write_bytes(data)


def test_what_a_training_leaves(template):
    names = [f"ckpt-{step}{end}" for step in (2, 4, 6) for end in ("", ".json")]
    names = [f"{n}.index" if "." not in n else n for n in names]
    data = [f"ckpt-{step}.data-00000-of-00001" for step in (2, 4, 6)]
    assert sorted(p.name for p in template.last.iterdir()) == sorted([*names, *data, "checkpoint"])
    kept = tf.train.get_checkpoint_state(template.best).all_model_checkpoint_paths
    assert [path.rpartition("-")[2] for path in kept] == ["2", "4"], "all that `last` refers to"


@pytest.mark.parametrize(
    "content",
    [
        None,
        "",
        "\0" * 200,
        "garbage {",
        'model_checkpoint_path: "ckpt-99"\nall_model_checkpoint_paths: "ckpt-99"\n',
        'model_checkpoint_path: "/somewhere/else/ckpt-2"\n',
        b"\xff\xfe\x00 no text",
    ],
)
def test_a_lost_or_damaged_state_file_changes_nothing(run, content):
    state = run.last / "checkpoint"
    if content is None:
        state.unlink()
    else:
        state.write_bytes(content if isinstance(content, bytes) else content.encode())
    assert resumed(run) == 6


@pytest.mark.parametrize("file", ["ckpt-6.index", "ckpt-6.data-00000-of-00001"])
@pytest.mark.parametrize("how", ["cut", "zeroed", "bit", "empty"])
def test_the_one_before_a_damaged_checkpoint_is_taken_and_told(run, file, how, caplog):
    damage(run.last / file, how)
    assert resumed(run) == 4
    (told,) = caplog.messages
    assert "ckpt-6" in told and "resuming from step 4" in told
    assert (run.last / file).exists(), "nothing is removed before the training is past it"


def test_checkpoints_without_data_or_index(run, caplog):
    (run.last / "ckpt-6.data-00000-of-00001").unlink()
    assert resumed(run) == 4
    assert "ckpt-6" in caplog.text
    (run.last / "ckpt-4.index").unlink()
    assert resumed(run) == 2


def test_a_copied_or_moved_folder_goes_on_from_its_own_checkpoints(run, tmp_path):
    state = tf.compat.v1.train.generate_checkpoint_state_proto("/", str(run.last / "ckpt-6"))
    (run.last / "checkpoint").write_text(str(state))  # As older versions of TensorFlow wrote it.
    moved = RunFolder(run.path.rename(tmp_path / "moved"))
    damage(moved.last / "ckpt-6.index", "empty")
    assert resumed(moved) == 4


def test_all_damaged_ends_in_one_line(run):
    for path in run.last.glob("*.data-*"):
        damage(path, "bit")
    with pytest.raises(ValueError, match=r"none of its checkpoints can be read.*ckpt-6"):
        resumed(run)
    assert len(list(run.last.glob("*.data-*"))) == 3


def test_a_damaged_best_checkpoint_is_made_again_from_before_it(run, caplog):
    damage(run.best / "ckpt-4.data-00000-of-00001", "bit")
    assert resumed(run) == 2
    assert "best/ckpt-4" in caplog.text
    shutil.rmtree(run.best)
    with pytest.raises(ValueError, match=r"none of its checkpoints.*best/ckpt-"):
        resumed(run)


@pytest.mark.parametrize("left", ["log.csv", "summary.json", "checkpoints/last/checkpoint", "best"])
def test_what_lies_there_without_checkpoints_is_never_trained_over(run, left):
    keep = {"config.yaml", "classes.txt", left}
    for path in [path for path in run.path.rglob("*") if path.is_file()]:
        name = str(path.relative_to(run.path))
        if name not in keep and not (left == "best" and path.parent == run.best):
            path.unlink()
    with pytest.raises(ValueError, match=rf"checkpoints are missing.*{run.path} with .*{left}"):
        resumed(run)


def test_a_lost_config_is_told(run):
    run.config.unlink()
    with pytest.raises(ValueError, match=rf"config.yaml is missing.*{run.path}"):
        resumed(run)


def test_a_training_that_was_killed_before_its_first_checkpoint_begins_anew(run):
    """What a kill leaves while the first checkpoint is saved, after its best weights."""
    for path in run.last.iterdir():
        path.unlink()
    (run.last / "ckpt-2.part").mkdir()
    (run.last / "ckpt-2.data-00000-of-00001").touch()
    for path in (*run.best.glob("ckpt-4*"), run.best / "checkpoint", run.summary):
        path.unlink()
    write_log(run.log, [])
    assert resumed(run) == 0


def test_leftovers_of_kills_are_cleared(run):
    before = {path: path.stat().st_mtime_ns for path in run.path.rglob("ckpt-*.*")}
    for folder in (run.last, run.best):
        (folder / "ckpt-8_temp").mkdir()
        (folder / "ckpt-8_temp" / "part-00000-of-00001.data-00000-of-00001").touch()
        (folder / "ckpt-8.part").mkdir()
        for name in ("checkpoint.tmp0a", "ckpt-8.data-00000-of-00001", "ckpt-6.index.tempstate1"):
            (folder / name).touch()
        (folder / "notes.txt").touch()
    assert resumed(run) == 6
    after = {path: path.stat().st_mtime_ns for path in run.path.rglob("ckpt-*")}
    assert after == before
    assert not list(run.path.rglob("checkpoint.tmp*"))
    assert (run.last / "notes.txt").exists()


@pytest.mark.parametrize("name", ["log.csv", "summary.json"])
@pytest.mark.parametrize(
    "content", [None, b"", b"\0" * 50, b"step,videos\n1,2\n", b'{"steps": 99}']
)
def test_log_and_summary_come_back_from_the_checkpoint(run, template, name, content):
    path = run.path / name
    path.unlink() if content is None else path.write_bytes(content)
    assert resumed(run) == 6
    assert path.read_bytes() == (template.path / name).read_bytes()


def test_an_earlier_version_kept_no_record(run, caplog):
    for path in run.last.glob("*.json"):
        path.unlink()
    write_log(run.log, [*read_log(run.log), dict(read_log(run.log)[-1], step="8", videos="256")])
    assert resumed(run) == 6
    run.log.write_bytes(b"\0" * 100)
    with pytest.raises(ValueError, match=rf"The log is damaged.*{run.log}"):
        resumed(run)


def test_a_damaged_record_is_told(run, caplog):
    (run.last / "ckpt-6.json").write_text('{"log": [{"step": 1e400}]}')
    assert resumed(run) == 6
    assert "ckpt-6.json; log.csv is taken" in caplog.text


def test_log_is_not_ahead_of_a_checkpoint_that_fails(run, monkeypatch):
    """The disk is full just then."""
    state, config = fresh_state(), run.read_config()
    restore_newest(state, run)
    log = RunLog(run, state, config)
    log.resume()
    log.on_train_begin()
    before = run.log.read_bytes(), run.summary.read_bytes()
    full = tf.errors.ResourceExhaustedError(None, None, "ckpt; No space left on device")
    monkeypatch.setattr(tf.train.Checkpoint, "write", lambda *_: (_ for _ in ()).throw(full))
    state.step.assign(8)
    log.on_epoch_end(0, {"loss": 1.0, "accuracy": 1.0})
    with pytest.raises(tf.errors.ResourceExhaustedError):
        Checkpoints(state, config.trainer, run, log).on_epoch_end(0)
    assert (run.log.read_bytes(), run.summary.read_bytes()) == before
    assert not list(run.last.glob("ckpt-8*"))


def test_classes_of_other_data_are_refused(run):
    config = run.read_config()
    with pytest.raises(ValueError, match=r"classes.*Received: data.*classes\.txt"):
        run.claim(config, ["push", "Pull"])
    run.classes.write_bytes(b"push\xff\npull\n")
    with pytest.raises(ValueError, match=r"UTF-8.*classes\.txt"):
        run.read_classes()
    run.classes.unlink()
    run.claim(config, ["push", "pull"])
    assert run.read_classes() == ["push", "pull"]


@pytest.fixture
def given_back_determinism():
    """XLA has no deterministic form of some operations, which other tests compile."""
    yield
    tf_config.disable_op_determinism()


def test_a_training_for_real(tmp_path, given_back_determinism):
    """Damaged at its end, it trains its last steps again and ends as it had, bit by bit."""
    config = {"trainer": {"train_steps": 3}, "runtime": {"op_determinism": True}}
    run = train(tiny_experiment(overrides=config), tmp_path / "run")
    expected = checkpoint_values(run.last), checkpoint_values(run.best)
    summary = json.loads(run.summary.read_text())
    (run.last / "checkpoint").write_bytes(b"\0" * 200)
    damage(run.last / "ckpt-3.data-00000-of-00001", "bit")
    with pytest.raises(ValueError, match="ckpt-3"):
        restore(run.path, "last")
    train(tiny_experiment(overrides=config), run.path)
    for before, after in zip(
        expected, (checkpoint_values(run.last), checkpoint_values(run.best)), strict=True
    ):
        assert before.keys() == after.keys()
        assert all((before[name] == after[name]).all() for name in before)
    assert json.loads(run.summary.read_text())["best_validation"] == summary["best_validation"]


@pytest.mark.parametrize("how", ["cut", "zeroed", "empty"])
def test_a_learning_curve_names_a_damaged_log(run, how):
    damage(run.log, how)
    with pytest.raises(ValueError, match=rf"{run.log}"):
        draw_learning_curve(run.log)
