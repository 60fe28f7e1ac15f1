"""Makes a training's folder of what an exported step left: `rstg adopt`."""

from _clone import run

run("adopt")
