"""Numbers of the authors' own code, and how to read them.

One block and one network, `SMALL`, are part of this repository: their weights, the seed of their
inputs and a part of their outputs.  All other cases lie in a folder beside it, where they are.
"""

import json
import pathlib
import sys

import numpy as np
import pytest
import yaml
from closeness import REFERENCE, assert_close

FOLDER = pathlib.Path(__file__).resolve().parents[2] / "shared" / "oracle"
SMALL_FOLDER = pathlib.Path(__file__).with_name("small_oracle")
SMALL = {"small-G2": "G2", "small-M1": "M1"}  # Name of the same case in the folder beside.


def require():
    """Skips the calling test, aloud, where the oracle beside the repository is missing."""
    if not FOLDER.is_dir():
        pytest.skip(f"the authors' numbers are not here: no folder {FOLDER}")


def cases(kind, with_expected=True):
    """Names of the cases of a kind ("graph" or "full") that come with expected numbers or not.

    Where those beside the repository are missing, a name whose tests are skipped stands for them.
    """
    folders = sorted(path.parent for path in FOLDER.glob("cases/*/config.json"))
    small = [case for case in SMALL if info(case)["kind"] == kind] if with_expected else []
    beside = [
        folder.name
        for folder in folders
        if info(folder.name)["kind"] == kind and (folder / "expected.npz").exists() == with_expected
    ]
    return small + (beside or ["missing"])


def folder_of(case):
    """Where the case lies; skips the calling test where it is not here."""
    if case in SMALL:
        return SMALL_FOLDER / SMALL[case]
    require()
    return FOLDER / "cases" / case


def info(case):
    """The case's flags, input and place."""
    if case not in SMALL:
        return json.loads((folder_of(case) / "config.json").read_text())
    flags = yaml.safe_load((folder_of(case) / "config.yaml").read_text())
    return {**json.loads((folder_of(case) / "info.json").read_text()), "flags": flags}


def recomputed(case):
    """The outputs of a graph case without expected numbers, from the oracle's NumPy rules."""
    listed = json.loads((folder_of(case) / "variables.json").read_text())
    graph = _module("reference_numpy").Graph(info(case), listed)
    return graph.run(inputs(case).astype(np.float64))


def expected(case):
    """The stored outputs, by name with their `@shape`, `@stride` and, often, `@stats`."""
    return np.load(folder_of(case) / "expected.npz")


def assert_matches(value, expected, name):
    """Compares an output with what is stored of it."""
    stride = int(expected[f"{name}@stride"])
    assert tuple(expected[f"{name}@shape"]) == np.shape(value)
    received = np.asarray(value).reshape(-1)[::stride] if stride > 1 else value
    assert_close(received, expected[name], REFERENCE, name)


def variables(case):
    """Dict of variable name to value; constants that the model computes itself are left out."""
    if case in SMALL:
        with np.load(folder_of(case) / "weights.npz") as weights:
            return dict(weights)
    listed = json.loads((folder_of(case) / "variables.json").read_text())
    weights = _module("oracle_weights")
    values = {name: weights.value(name, shape) for name, shape, _ in listed}
    return {name: value for name, value in values.items() if value is not None}


def inputs(case):
    """The input of a case."""
    if case in SMALL:
        return _noise(**info(case)["inputs"])
    case_info = info(case)
    return _module("oracle_inputs").make(case_info["input_kind"], case_info["input_shape"])


def _noise(seed, shape, cells, offset, scale):
    """Noise of `cells` x `cells` squares a frame, and of single pixels at a third of its size."""
    rng = np.random.RandomState(seed)
    batch, frames, height, _, channels = shape
    squares = rng.uniform(-1, 1, (batch, frames, cells, cells, channels))
    pixels = rng.uniform(-1, 1, shape)
    side = height // cells
    noise = 0.75 * np.kron(squares, np.ones((1, 1, side, side, 1))) + 0.25 * pixels
    return (offset + scale * noise).astype(np.float32)


def _module(name):
    sys.path.insert(0, str(FOLDER))
    try:
        return __import__(name)
    finally:
        sys.path.remove(str(FOLDER))
