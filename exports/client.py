"""Asks a server: `rstg serve-client`."""

import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "pipelines"))
from _clone import run

run("serve-client")
