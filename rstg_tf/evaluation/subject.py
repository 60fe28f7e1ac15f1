"""The model that is measured: a training's, a published one, or any SavedModel."""

import pathlib
from typing import Any, NamedTuple

from rstg_tf.experiments import Experiment, apply_file
from rstg_tf.hub import saved_model
from rstg_tf.hub.entries import is_published, read_entry
from rstg_tf.hub.loading import load_saved_model
from rstg_tf.runs import RunFolder, restore


class Subject(NamedTuple):
    """A model with what is known of it.

    Attributes:
        name: name of its folder.
        model: Keras model from uint8 clips to `logits`.
        class_names: list of names in the order of the logits, or None where it has none.
        config: the `Experiment` it was trained by, or None.
        output: where to write what is found out about it.
    """

    name: str
    model: Any
    class_names: list | None
    config: Experiment | None
    output: pathlib.Path


def load_subject(name_or_path, zoo=None):
    """Loads a model to evaluate.

    Args:
        name_or_path: folder of a training (its best checkpoint is taken), an entry of the zoo, or
            the path of a SavedModel.
        zoo: folder of the zoo, see `rstg_tf.list_models`.

    Returns:
        A `Subject`.

    Raises:
        ValueError: there is no such model, or a published file is damaged.
        FileNotFoundError: the training has no best checkpoint yet.
    """
    run = RunFolder(name_or_path)
    is_training = run.config.is_file() and run.classes.is_file()
    if is_training and not is_published(name_or_path):
        model, config = restore(run.path)
        name = run.path.resolve().name
        return Subject(name, model, run.read_classes(), config, run.path / "evaluations")
    return read_entry(name_or_path, zoo, _read)


def _read(directory):
    config, model = directory / "config.yaml", load_saved_model(directory)
    class_names = saved_model.read_class_names(directory)
    classes = getattr(model, "num_classes", None)
    if class_names is not None and classes not in (None, len(class_names)):
        raise ValueError(
            f"A model must have a name for each of its {classes} classes. "
            f"Received: {len(class_names)} in {directory / 'assets' / saved_model.LABELS}"
        )
    return Subject(
        name=directory.name,
        model=model,
        class_names=class_names,
        config=apply_file(Experiment(), config) if config.is_file() else None,
        output=pathlib.Path("runs/evaluations") / directory.name,
    )
