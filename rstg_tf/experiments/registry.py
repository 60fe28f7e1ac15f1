"""The register of experiments: one decorator, names with wildcards, sizes."""

import difflib
import fnmatch

SIZES = ("lite", "paper")

_BUILDERS = {}


def register(name):
    """Registers the decorated function, from a size to a config, as the experiment `name`."""

    def decorate(builder):
        if name in _BUILDERS:
            raise ValueError(f"Experiment {name!r} is registered twice.")
        _BUILDERS[name] = builder
        return builder

    return decorate


def list_experiments(pattern="*"):
    """Names of the experiments that match.

    Args:
        pattern: a name with the wildcards of the shell, such as `"sync3_*"`.

    Returns:
        A sorted list of names.
    """
    return sorted(fnmatch.filter(_BUILDERS, pattern))


def get_experiment(name, size="lite"):
    """Makes the config of an experiment.

    Args:
        name: a name that `list_experiments` gives.
        size: `"lite"` trains on a laptop's processor, `"paper"` has the source's dimensions.

    Returns:
        A new `rstg_tf.experiments.config.Experiment`, free to be changed.

    Raises:
        ValueError: if there is no such experiment or size; names the closest ones.
    """
    if name not in _BUILDERS:
        close = difflib.get_close_matches(str(name), _BUILDERS, n=3, cutoff=0.4)
        raise ValueError(
            f"There is no such experiment; the closest are {close or list_experiments()}. "
            f"Received: {name!r}"
        )
    if size not in SIZES:
        raise ValueError(f"A size is one of {list(SIZES)}. Received: size={size!r}")
    config = _BUILDERS[name](size)
    config.name, config.size = name, size
    return config
