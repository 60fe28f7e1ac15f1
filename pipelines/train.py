"""Trains an experiment: `rstg train`."""

from _clone import run

run("train")
