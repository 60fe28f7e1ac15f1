"""The folder of a training: its config, checkpoints, log and summary."""

from rstg_tf.runs.run_folder import RunFolder, restore

__all__ = ["RunFolder", "restore"]
