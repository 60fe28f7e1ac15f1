"""Completes published models: `rstg complete`."""

from _clone import run

run("complete")
