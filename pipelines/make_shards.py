"""Makes shards of videos: `rstg data make`."""

from _clone import run

run("data", "make")
