"""Describes a model: `rstg describe`."""

from _clone import run

run("describe")
