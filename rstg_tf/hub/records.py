"""The JSON files of trainings, evaluations and entries, read with their types checked."""

import pathlib

from rstg_tf import checked_json
from rstg_tf.checked_json import Optional
from rstg_tf.text import printable

_FIGURES = {
    "num_clips": int,
    "top_1": float,
    "top_1_interval_95": [float],
    "top_5": float,
    "macro_f1": float,
    "chance": float,
    str: (float, [float], None),
}
_METRICS = {
    "weights_sha256": (str, None),
    "held_out": bool,
    "data": {
        "name": str,
        "split": str,
        "clip_shape": [int],
        Optional("rendered"): bool,
        Optional("seed"): int,
        Optional("shards"): str,
        Optional("generator"): str,
        Optional("options"): {Optional("no_pair"): (float, None), str: object},
        Optional("digits"): str,
    },
    "protocol": str,
    "command": (str, None),
    "tensorflow": str,
    Optional("chose_weights"): bool,
    "figures": _FIGURES,
}
_PROGRESS = {
    Optional("steps"): int,
    Optional("videos"): int,
    Optional("minutes"): float,
    Optional("best_validation"): ({"step": int, "accuracy": float}, None),
}
_SUMMARY = {
    "experiment": str,
    "size": str,
    "steps": int,
    "videos": int,
    "minutes": float,
    "parameters": int,
    "best_validation": {"step": int, "accuracy": float},
    "seed": int,
    "hardware": str,
    "commit": (str, None),
    Optional("note"): str,
}
_RATES = ("top_1", "top_5", "within_pair", "no_pair")  # They have intervals.
_COUNTS = {"parameters": int, "multiply_adds": int}
_COSTS = {
    "clip_shape": [int],
    **_COUNTS,
    "graph": _COUNTS,
    "clips_per_second": float,
    "batch_size": int,
    "hardware": str,
}


def read_metrics(path):
    """Reads a `metrics.json` of `rstg evaluate`; raises `ValueError` if it is damaged."""
    what = "What pipelines/evaluate.py wrote"
    metrics = checked_json.read(path, _METRICS, what)
    shape = metrics["data"]["clip_shape"]
    if len(shape) != 4 or min(shape) < 1:
        raise ValueError(
            f"Clips must have a shape of four positive numbers. Received: {shape} in {path}"
        )
    if not {"seed", "shards"} & metrics["data"].keys():
        raise ValueError(f"Clips must have a seed, or be of shards. Received: neither in {path}")
    check_figures(metrics["figures"], path)
    return metrics


def check_figures(figures, path):
    """Raises a `ValueError` that names a figure which is no number or lacks its interval."""
    for name, value in figures.items():
        is_interval = isinstance(value, list)
        bare = name in _RATES and value is not None and f"{name}_interval_95" not in figures
        if (
            is_interval != name.endswith("_interval_95")
            or (is_interval and len(value) != 2)
            or bare
        ):
            raise ValueError(
                "A figure must be a number, and its interval two. "
                f"Received: {printable(name)} in {path}"
            )


def read_summary(path):
    """Reads `summary.json` or `training.json` of a validated training; `ValueError` if damaged."""
    what = "The summary of a training"
    return checked_json.read(path, _SUMMARY, what)


def read_progress(path):
    """Reads how far a training has come from its `summary.json`, which need not exist.

    Returns those of `steps`, `videos`, `minutes` and `best_validation` that are known.
    """
    path = pathlib.Path(path)
    if not path.is_file():
        return {}
    return checked_json.read(path, _PROGRESS, "The summary of a training")


def read_costs(path):
    """Reads a `costs.json`, see `rstg_tf.zoo.costs.measure_costs`; `ValueError` if damaged."""
    what = "What a model costs"
    return checked_json.read(path, _COSTS, what)
