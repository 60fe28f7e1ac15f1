"""Draws which regions attend to which: `rstg draw-attention`."""

from _clone import run

run("draw-attention")
