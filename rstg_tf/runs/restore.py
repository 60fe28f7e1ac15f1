"""The model of a training, from its folder."""

import tensorflow as tf

from rstg_tf.experiments import build_model
from rstg_tf.experiments.build import build_optimizer
from rstg_tf.runs.checkpoint_folder import CheckpointFolder
from rstg_tf.runs.run_folder import RunFolder
from rstg_tf.runs.state import best_step, restore_checkpoint, training_state


def restore(run_dir, which="best"):
    """Builds the model of a training with the weights of one of its checkpoints.

    Args:
        run_dir: folder of the training.
        which: `"best"` by validation accuracy, or `"last"`.

    Returns:
        The `VideoClassifier`, with averaged weights where the training averages, in float32, and
        the training's config.

    Raises:
        FileNotFoundError: if the folder is not that of a training or has no such checkpoint.
        ValueError: if the checkpoint is damaged.
    """
    if which not in ("best", "last"):
        raise ValueError(f'A checkpoint is "best" or "last". Received: {which=}')
    folder = RunFolder(run_dir)
    config = folder.read_config()
    model = build_model(config.model)
    if which == "best":
        restore_checkpoint(tf.train.Checkpoint(model=model), _best(folder))
        return model, config
    optimizer = build_optimizer(
        config.trainer.optimizer_config,
        model.trainable_variables,
        config.runtime.mixed_precision_dtype,
    )
    restore_checkpoint(training_state(model, optimizer), _last(folder))
    getattr(optimizer, "inner_optimizer", optimizer).finalize_variable_values(
        model.trainable_variables
    )
    return model, config


def _last(folder):
    """Prefix of the last checkpoint."""
    last = CheckpointFolder(folder.last)
    for step in last.steps():
        return last.prefix(step)
    raise FileNotFoundError(f"The training has no last checkpoint yet. Received: {folder.path}")


def _best(folder):
    """Prefix of the best checkpoint.

    It is the one that the last checkpoint knows of: a training that is killed between the two may
    have saved a later one, and validates again when it goes on.
    """
    last, best = CheckpointFolder(folder.last), CheckpointFolder(folder.best)
    steps = [best_step(last.prefix(step)) for step in last.steps()[:1]] or best.steps()
    if not any(steps):
        raise FileNotFoundError(f"The training has no best checkpoint yet. Received: {folder.path}")
    return best.prefix(steps[0])
