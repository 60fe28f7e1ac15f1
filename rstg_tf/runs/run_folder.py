"""The folder of a training: its config, classes, logs and summary, and the model it made."""

import contextlib
import json
import os
import pathlib

import tensorflow as tf

from rstg_tf import checked_json
from rstg_tf.experiments import Experiment, apply_file, build_model, to_plain, to_yaml
from rstg_tf.experiments.build import build_optimizer
from rstg_tf.files import locked, make_folder, written_whole
from rstg_tf.models import VideoClassifier
from rstg_tf.runs.checkpoints import (
    CheckpointFolder,
    best_step,
    restore_checkpoint,
    training_state,
)
from rstg_tf.text import read_class_names

# Settings of the machine, and what to do at a damaged record: a training may change them.
_FREE = ("runtime.", "train_data.on_corrupt", "validation_data.on_corrupt")
_BINDING = ("runtime.mixed_precision_dtype",)
SUMMARY = {"steps": int}  # What must be there, see `checked_json`.


class RunFolder:
    """Paths and small files of a training.

    Args:
        path: the folder; it need not exist.
    """

    def __init__(self, path):
        self.path = pathlib.Path(path)
        self.config = self.path / "config.yaml"
        self.classes = self.path / "classes.txt"
        self.last = self.path / "checkpoints" / "last"
        self.best = self.path / "checkpoints" / "best"
        self.log = self.path / "log.csv"
        self.tensorboard = self.path / "tensorboard"
        self.summary = self.path / "summary.json"

    def claim(self, config, class_names, write=True):
        """Makes the folder this training's, or finds that it is already.

        Args:
            config: the resolved config of the training.
            class_names: names of the classes, in order.
            write: whether to write; one worker of several does.

        Raises:
            ValueError: if the folder holds a training of another config or of other classes; names
                the differences.
        """
        if not self.config.exists():
            if write:
                make_folder(self.path)
                self._write_classes(class_names)
                with written_whole(self.config) as part:
                    part.write_text(to_yaml(config), encoding="utf-8")
            return
        self._check_config(config)
        if write and not self.classes.exists():
            self._write_classes(class_names)
        elif self.classes.exists() and self.read_classes() != list(class_names):
            raise ValueError(
                "A training is resumed with the classes that it began with. Received: data whose "
                f"classes are not those of {self.classes}, in that order"
            )

    def _check_config(self, config):
        mine, theirs = _flatten(to_plain(config)), _flatten(to_plain(self.read_config()))
        differences = [
            f"{key}: {theirs.get(key)!r} there, {mine.get(key)!r} now"
            for key in sorted(mine.keys() | theirs.keys())
            if mine.get(key) != theirs.get(key) and (key in _BINDING or not key.startswith(_FREE))
        ]
        if differences:
            raise ValueError(
                f"{self.path} holds a training with other settings; take another folder, or the "
                f"same settings to resume it. Received: {'; '.join(differences)}"
            )

    @contextlib.contextmanager
    def held(self):
        """Keeps other trainings out of the folder, once it is claimed.

        Raises:
            ValueError: if another process is training into it.
        """
        with contextlib.ExitStack() as stack:
            try:
                stack.enter_context(locked(self.path, wait=False))
            except BlockingIOError as error:
                raise ValueError(
                    "One process at a time trains into a folder; wait for it, stop it, or take "
                    f"another folder. Received: {self.path}, into which one is training"
                ) from error
            yield

    def read_config(self):
        """Reads the config.

        Returns:
            An `Experiment`.

        Raises:
            FileNotFoundError: if the folder is not that of a training.
            ValueError: if the file is damaged.
        """
        if not self.config.exists():
            raise FileNotFoundError(f"Not a training run folder. Received: {self.path}")
        return apply_file(Experiment(), self.config)

    def read_classes(self):
        """Reads the names of the classes, in order.

        Raises:
            ValueError: if the file is damaged.
        """
        return read_class_names(self.classes)

    def _write_classes(self, names):
        with written_whole(self.classes) as part:
            part.write_text("".join(f"{name}\n" for name in names), encoding="utf-8")

    def read_summary(self):
        """Reads `summary.json` as a dict.

        Raises:
            FileNotFoundError: if there is none.
            ValueError: if it is damaged.
        """
        return checked_json.read(self.summary, SUMMARY, "The summary of a training")

    def write_summary(self, summary):
        """Writes a dict as `summary.json`."""
        with written_whole(self.summary) as part:
            part.write_text(json.dumps(summary, indent=1) + "\n", encoding="utf-8")


def restore(run_dir: str | os.PathLike, which: str = "best") -> tuple[VideoClassifier, Experiment]:
    """Builds the model of a training with the weights of one of its checkpoints.

    Args:
        run_dir: folder of the training.
        which: `"best"` by validation accuracy, or `"last"`.

    Returns:
        The `VideoClassifier`, with averaged weights where the training averages, in float32, and
        the training's config.

    Raises:
        FileNotFoundError: if the folder is not that of a training or has no such checkpoint.
        ValueError: if the checkpoint is damaged.
    """
    if which not in ("best", "last"):
        raise ValueError(f'A checkpoint is "best" or "last". Received: {which=}')
    folder = RunFolder(run_dir)
    config = folder.read_config()
    model = build_model(config.model)
    if which == "best":
        restore_checkpoint(tf.train.Checkpoint(model=model), _best(folder))
        return model, config
    optimizer = build_optimizer(
        config.trainer.optimizer_config,
        model.trainable_variables,
        config.runtime.mixed_precision_dtype,
    )
    last = CheckpointFolder(folder.last)
    if not last.steps():
        raise FileNotFoundError(f"The training has no last checkpoint yet. Received: {folder.path}")
    restore_checkpoint(training_state(model, optimizer), last.prefix(last.steps()[0]))
    getattr(optimizer, "inner_optimizer", optimizer).finalize_variable_values(
        model.trainable_variables
    )
    return model, config


def _best(folder):
    """Prefix of the best checkpoint.

    It is the one that the last checkpoint knows of: a training that is killed between the two may
    have saved a later one, and validates again when it is resumed.
    """
    last, best = CheckpointFolder(folder.last), CheckpointFolder(folder.best)
    steps = [best_step(last.prefix(step)) for step in last.steps()[:1]] or best.steps()
    if not any(steps):
        raise FileNotFoundError(f"The training has no best checkpoint yet. Received: {folder.path}")
    return best.prefix(steps[0])


def _flatten(tree, prefix=""):
    flat = {}
    for key, value in tree.items():
        if isinstance(value, dict):
            flat.update(_flatten(value, f"{prefix}{key}."))
        else:
            flat[f"{prefix}{key}"] = value
    return flat
