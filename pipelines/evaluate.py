"""Evaluates a model: `rstg evaluate`."""

from _clone import run

run("evaluate")
