"""Makes SyncMNIST: `rstg data make-syncmnist`."""

from _clone import run

run("data", "make-syncmnist")
