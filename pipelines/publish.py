"""Publishes a training: `rstg publish`."""

from _clone import run

run("publish")
