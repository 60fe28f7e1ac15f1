"""The folder of a training: its config, checkpoints, log and summary."""

from rstg_tf.runs.restore import restore
from rstg_tf.runs.run_folder import RunFolder

__all__ = ["RunFolder", "restore"]
