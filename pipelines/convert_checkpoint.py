"""Publishes a checkpoint of the authors: `rstg convert`."""

from _clone import run

run("convert")
