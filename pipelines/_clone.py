"""Runs a command in a clone that need not be installed."""

import pathlib
import shlex
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from rstg_tf.cli import main


def run(*command):
    """Runs a command of `rstg` with the arguments of this script."""
    script = pathlib.Path(sys.argv[0]).resolve()
    typed = shlex.join(["python", f"{script.parent.name}/{script.name}", *sys.argv[1:]])
    sys.exit(main([*command, *sys.argv[1:]], typed))
