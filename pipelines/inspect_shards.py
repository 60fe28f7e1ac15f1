"""Looks into shards: `rstg data inspect`."""

from _clone import run

run("data", "inspect")
