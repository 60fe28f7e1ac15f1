"""A folder of numbered checkpoints in TensorFlow's layout that outlives kills and power cuts."""

import json
import pathlib
import re
import shutil

import tensorflow as tf

from rstg_tf.files import naming, sync, sync_entry, written_whole

_RECORD = ".json"
_FILE = re.compile(r"ckpt-(\d+)\.(?:index|json|data-\d{5}-of-\d{5})")
_LEFT = re.compile(r"(?:ckpt-\d|checkpoint\.tmp).*")  # Ours, too, and of killed processes.


class CheckpointFolder:
    """The checkpoints `ckpt-STEP`, each with a record of what led there, where it was given one.

    TensorFlow's file `checkpoint` names them for `tf.train.latest_checkpoint`, but nothing here
    depends on it.

    Args:
        path: the folder; it need not exist.
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
        """Adds a checkpoint; it is written beside, synced and then renamed, its index last.

        Args:
            checkpoint: a `tf.train.Checkpoint`.
            step: its number.
            record: what JSON can hold.
        """
        part = self.path / f"ckpt-{step}.part"
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir(parents=True)
        try:
            with naming(part):
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
        """Names these checkpoints to TensorFlow, and removes others and what kills left of them.

        Args:
            steps: of the checkpoints.
            spared: steps of further ones that are not removed.
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
