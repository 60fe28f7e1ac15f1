"""Named experiments as strict configs on Model Garden's hyperparams."""

from rstg_tf.experiments.build import build_model, build_source
from rstg_tf.experiments.config import Experiment
from rstg_tf.experiments.dump import to_plain, to_yaml
from rstg_tf.experiments.overrides import apply_file, apply_overrides
from rstg_tf.experiments.registry import SIZES, get_experiment, list_experiments
from rstg_tf.experiments.resolve import resolve
from rstg_tf.experiments.restrictions import OPTIMIZERS, check

__all__ = [
    "OPTIMIZERS",
    "SIZES",
    "Experiment",
    "apply_file",
    "apply_overrides",
    "build_model",
    "build_source",
    "check",
    "get_experiment",
    "list_experiments",
    "resolve",
    "to_plain",
    "to_yaml",
]
