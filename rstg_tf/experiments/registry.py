"""Experiments by name, in two sizes."""

from rstg_tf.experiments.config import Experiment
from rstg_tf.registry import EXPERIMENTS

SIZES = ("lite", "paper")


def list_experiments(pattern: str = "*") -> list[str]:
    """Names of the experiments that match.

    Args:
        pattern: a name with the wildcards of the shell, such as `"sync3_*"`.

    Returns:
        A sorted list of names.
    """
    return EXPERIMENTS.list(pattern)


def get_experiment(name: str, size: str = "lite") -> Experiment:
    """Makes the config of an experiment.

    Args:
        name: a name that `list_experiments` gives.
        size: `"lite"` trains on a laptop's processor, `"paper"` has the source's dimensions.

    Returns:
        A new `rstg_tf.experiments.config.Experiment`, free to be changed.

    Raises:
        ValueError: if there is no such experiment or size; names the closest ones.
    """
    builder = EXPERIMENTS.get(name)
    if size not in SIZES:
        raise ValueError(f"A size is one of {list(SIZES)}. Received: size={size!r}")
    config = builder(size)
    config.name, config.size = name, size
    return config
