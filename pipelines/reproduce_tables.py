"""Measures the zoo again: `rstg zoo reproduce`."""

from _clone import run

run("zoo", "reproduce")
