"""Makes Interactions: `rstg data make-interactions`."""

from _clone import run

run("data", "make-interactions")
