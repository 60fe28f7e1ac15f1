"""Prints what a model sees in video files: `rstg predict`."""

from _clone import run

run("predict")
