"""Builds the zoo: `rstg zoo build`."""

from _clone import run

run("zoo", "build")
