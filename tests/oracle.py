"""Where the numbers of the authors' own code lie, and how to read them."""

import json
import pathlib
import sys

import numpy as np
import pytest

FOLDER = pathlib.Path(__file__).resolve().parents[2] / "shared" / "oracle"


def require():
    """Skips the calling test, aloud, where the oracle is missing."""
    if not FOLDER.is_dir():
        pytest.skip(f"the authors' numbers are not here: no folder {FOLDER}")


def cases(kind, with_expected=True):
    """Names of the cases of a kind ("graph" or "full") that come with expected numbers or not."""
    folders = sorted(path.parent for path in FOLDER.glob("cases/*/config.json"))
    return [
        folder.name
        for folder in folders
        if info(folder.name)["kind"] == kind and (folder / "expected.npz").exists() == with_expected
    ]


def info(case):
    """The case's flags, input and place."""
    return json.loads((FOLDER / "cases" / case / "config.json").read_text())


def recomputed(case):
    """The outputs of a graph case without expected numbers, from the oracle's NumPy rules."""
    listed = json.loads((FOLDER / "cases" / case / "variables.json").read_text())
    graph = _module("reference_numpy").Graph(info(case), listed)
    return graph.run(inputs(case).astype(np.float64))


def expected(case):
    """The stored outputs, by name with their `@shape`, `@stride` and `@stats`."""
    return np.load(FOLDER / "cases" / case / "expected.npz")


def variables(case):
    """Dict of variable name to value; constants that the model computes itself are left out."""
    weights = _module("oracle_weights")
    listed = json.loads((FOLDER / "cases" / case / "variables.json").read_text())
    values = {name: weights.value(name, shape) for name, shape, _ in listed}
    return {name: value for name, value in values.items() if value is not None}


def inputs(case):
    """The input of a case."""
    case_info = info(case)
    return _module("oracle_inputs").make(case_info["input_kind"], case_info["input_shape"])


def _module(name):
    sys.path.insert(0, str(FOLDER))
    try:
        return __import__(name)
    finally:
        sys.path.remove(str(FOLDER))
