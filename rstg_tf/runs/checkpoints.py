"""Checkpoints of a training: what they hold, and a folder of them that outlives power cuts."""

import contextlib
import json
import pathlib
import re
import shutil

import tensorflow as tf

from rstg_tf.files import make_folder, naming, sync, sync_entry, written_whole

_RECORD = ".json"
_FILE = re.compile(r"ckpt-(\d+)\.(?:index|json|data-\d{5}-of-\d{5})")
_LEFT = re.compile(r"(?:ckpt-\d|checkpoint\.tmp).*")  # Ours, too, and of killed processes.


class CheckpointFolder:
    """The checkpoints `ckpt-STEP`, each with a record of what led there, where it was given one.

    TensorFlow's file `checkpoint` names them for `tf.train.latest_checkpoint`, but nothing here
    depends on it. The folder need not exist.
    """

    def __init__(self, path):
        self.path = pathlib.Path(path)

    def steps(self):
        """Steps of the checkpoints that lie there, the latest first."""
        found = [_FILE.fullmatch(path.name) for path in self.path.glob("ckpt-*.index")]
        return sorted((int(match[1]) for match in found if match), reverse=True)

    def prefix(self, step):
        """Prefix of a checkpoint's files, as TensorFlow takes it."""
        return str(self.path / f"ckpt-{step}")

    def record(self, step):
        """Path of a checkpoint's record, a JSON file."""
        return self.path / f"ckpt-{step}{_RECORD}"

    def save(self, checkpoint, step, record=None):
        """Adds a `tf.train.Checkpoint`, with a record that JSON can hold, or None.

        It is written beside, synced and then renamed, its index last.
        """
        part = self.path / f"ckpt-{step}.part"
        shutil.rmtree(part, ignore_errors=True)
        make_folder(part)
        try:
            with naming(self.path):
                checkpoint.write(str(part / f"ckpt-{step}"))
                if record is not None:
                    made = part / f"ckpt-{step}{_RECORD}"
                    made.write_text(json.dumps(record), encoding="utf-8")
                sync(part)
                for file in sorted(part.iterdir(), key=lambda file: file.suffix == ".index"):
                    file.replace(self.path / file.name)
                sync_entry(part)
        finally:
            shutil.rmtree(part, ignore_errors=True)

    def keep(self, steps, spared=()):
        """Names these steps' checkpoints to TensorFlow, and removes others but for `spared` ones.

        What kills left of them is removed, too.
        """
        if not self.path.exists():
            return
        state, names = self.path / "checkpoint", [f"ckpt-{step}" for step in sorted(steps)]
        if names:
            proto = tf.compat.v1.train.generate_checkpoint_state_proto(
                str(self.path), names[-1], all_model_checkpoint_paths=names
            )
            with written_whole(state) as part:
                part.write_text(str(proto), encoding="utf-8")
        else:
            state.unlink(missing_ok=True)
        for path in list(self.path.iterdir()):
            file = _FILE.fullmatch(path.name)
            if not (file and int(file[1]) in {*steps, *spared}) and _LEFT.fullmatch(path.name):
                shutil.rmtree(path) if path.is_dir() else path.unlink()


def training_state(model, optimizer):
    """All that a checkpoint holds of a `VideoClassifier` and its built Keras optimizer.

    Returns a `tf.train.Checkpoint` with `model`, `optimizer` and the variables `step` (steps done,
    also those that loss scaling skipped), `seconds` (spent so far), `best_accuracy` and `best_step`
    (of the validations so far).
    """
    return tf.train.Checkpoint(
        model=model,
        optimizer=optimizer,
        step=tf.Variable(0, dtype=tf.int64, trainable=False),
        seconds=tf.Variable(0.0, dtype=tf.float64, trainable=False),
        best_accuracy=tf.Variable(-1.0, dtype=tf.float64, trainable=False),
        best_step=tf.Variable(0, dtype=tf.int64, trainable=False),
    )


def restore_checkpoint(checkpoint, path):
    """Restores a `tf.train.Checkpoint` from files with the prefix `path`.

    Raises a ValueError where they are damaged or of another model; the checkpoint stays as it is.
    """
    check_checkpoint(path)
    with _readable(path):
        checkpoint.read(path).assert_existing_objects_matched().expect_partial()


def check_checkpoint(path):
    """Reads a checkpoint whole, so that its checksums are compared.

    Raises a ValueError where it is damaged or there is none.
    """
    with _readable(path):
        reader = tf.train.load_checkpoint(path)
        for name in reader.get_variable_to_shape_map():
            reader.get_tensor(name)


def best_step(path):
    """Step of the best validation that a checkpoint knows of, 0 before the first one.

    Raises a ValueError where it is damaged.
    """
    with _readable(path):
        return int(tf.train.load_variable(path, "best_step/.ATTRIBUTES/VARIABLE_VALUE"))


@contextlib.contextmanager
def averaged_weights(model, optimizer):
    """Gives the model the average of its weights for a while, where its optimizer keeps one."""
    variables = model.trainable_variables
    optimizer = getattr(optimizer, "inner_optimizer", optimizer)
    weights = [variable.numpy() for variable in variables]
    optimizer.finalize_variable_values(variables)
    try:
        yield
    finally:
        for variable, value in zip(variables, weights, strict=True):
            variable.assign(value)


@contextlib.contextmanager
def _readable(path):
    """Names the checkpoint in errors of TensorFlow, of whatever kind."""
    try:
        yield
    except tf.errors.ResourceExhaustedError:  # Of memory: another machine may read it.
        raise
    except (tf.errors.OpError, AssertionError, IndexError, RuntimeError, ValueError) as error:
        reason = str(error).strip().split("\n")[0]
        raise ValueError(f"The checkpoint can't be read: {reason} Received: {path}") from error
