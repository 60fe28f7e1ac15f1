"""Where a training goes on: its last checkpoint that can be read, and never silently at step 0."""

import re
import sys

from rstg_tf.runs.checkpoint_folder import CheckpointFolder
from rstg_tf.runs.state import best_step, check_checkpoint, restore_checkpoint
from rstg_tf.text import printable


def has_begun(folder, interval):
    """Whether a checkpoint of a training lies in a folder.

    Args:
        folder: a `RunFolder`.
        interval: steps between two checkpoints.

    Raises:
        ValueError: none does, but what else lies there was written after one; or its config is
            missing.
    """
    begun = bool(CheckpointFolder(folder.last).steps())
    traces = [] if begun else _traces(folder, interval)
    if traces:
        raise ValueError(
            "The folder holds a training whose checkpoints are missing; put them back into "
            f"{folder.last}, or take another folder. Received: {folder.path} with "
            f"{', '.join(traces)}"
        )
    if begun and not folder.config.exists():
        raise ValueError(
            "The folder holds a training whose config.yaml is missing; put it back, or take "
            f"another folder. Received: {folder.path}"
        )
    return begun


def restore_newest(state, folder):
    """Restores the newest checkpoint of a training that can be read, if there is any.

    One whose best checkpoint is damaged is none: the training would end without its best weights.
    Those that are passed over are told on stderr.

    Args:
        state: a `training_state`.
        folder: a `RunFolder`.

    Raises:
        ValueError: none can be read.
    """
    last, best = CheckpointFolder(folder.last), CheckpointFolder(folder.best)
    errors = []
    for step in last.steps():
        try:
            if validated := best_step(last.prefix(step)):
                check_checkpoint(best.prefix(validated))
            restore_checkpoint(state, last.prefix(step))
        except ValueError as error:
            errors.append(str(error))
            continue
        for message in errors:
            print(f"{printable(message)}; going on from step {step}", file=sys.stderr)
        return
    if errors:
        raise ValueError(
            "The training can't go on, since none of its checkpoints can be read; put a copy of "
            f"them back, or take another folder. {errors[0]}"
        )


def _traces(folder, interval):
    """Names of what was written after a checkpoint, within the folder.

    A training that is killed while it saves the first time leaves files of that step.
    """
    traces = [path for path in (folder.summary, folder.last / "checkpoint") if path.exists()]
    if folder.log.exists() and folder.log.read_bytes().count(b"\n") > 1:
        traces.append(folder.log)
    for path in (*folder.last.glob("ckpt-*"), *folder.best.glob("ckpt-*")):
        step = re.match(r"ckpt-(\d+)", path.name)
        if step and int(step[1]) > interval:
            traces.append(path)
    return [str(path.relative_to(folder.path)) for path in traces]
