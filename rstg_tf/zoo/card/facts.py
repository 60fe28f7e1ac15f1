"""What a card tells, read from the files of its entry."""

import pathlib
from typing import Any, NamedTuple

from rstg_tf.hub import manifest, records, saved_model
from rstg_tf.zoo import costs

FILE_NAME = "README.md"


class Facts(NamedTuple):
    """What a card tells.

    Attributes:
        name: name of the entry.
        model: the `VideoClassifier`.
        class_names: names of its classes.
        config: the `Experiment` of the training.
        metrics: `metrics.json`, as `pipelines/evaluate.py` writes it.
        training: `training.json`, the summary of the training.
        costs: `costs.json`, see `rstg_tf.zoo.costs.measure_costs`.
        checksums: dict from path to sha256 of the files of the entry, without the card.
    """

    name: str
    model: Any
    class_names: list
    config: Any
    metrics: dict
    training: dict
    costs: dict
    checksums: dict


def read_facts(entry, name, model):
    """Reads what there is to tell of a published training.

    Args:
        entry: folder of the entry.
        name: name of the entry.
        model: its `VideoClassifier`.

    Returns:
        `Facts`.
    """
    from rstg_tf.experiments import Experiment, apply_file

    entry = pathlib.Path(entry)
    checksums = manifest.checksums(entry)
    checksums.pop(FILE_NAME, None)
    return Facts(
        name=name,
        model=model,
        class_names=saved_model.read_class_names(entry),
        config=apply_file(Experiment(), entry / "config.yaml"),
        metrics=records.read_metrics(entry / "metrics.json"),
        training=records.read_summary(entry / "training.json"),
        costs=records.read_costs(entry / costs.FILE_NAME),
        checksums=checksums,
    )
