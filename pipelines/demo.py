"""Shows everything once: `rstg demo`."""

from _clone import run

run("demo")
