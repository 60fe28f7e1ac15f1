"""The folder of a training: its config, checkpoints, log and summary."""
