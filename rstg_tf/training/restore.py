"""The model of a training, from its folder."""

import tensorflow as tf

from rstg_tf.experiments import build_model
from rstg_tf.training.optimizer import build_optimizer
from rstg_tf.training.run_folder import RunFolder
from rstg_tf.training.state import restore_checkpoint, training_state


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
    last = tf.train.latest_checkpoint(str(folder.last))
    path = _best(folder, last) if which == "best" else last
    if path is None:
        raise FileNotFoundError(f"The training has no {which} checkpoint yet. Received: {run_dir}")
    if which == "best":
        restore_checkpoint(tf.train.Checkpoint(model=model), path)
    else:
        optimizer = build_optimizer(
            config.trainer.optimizer_config,
            model.trainable_variables,
            config.runtime.mixed_precision_dtype,
        )
        restore_checkpoint(training_state(model, optimizer), path)
        getattr(optimizer, "inner_optimizer", optimizer).finalize_variable_values(
            model.trainable_variables
        )
    return model, config


def _best(folder, last):
    """Path of the best checkpoint.

    It is the one that the last checkpoint knows of: a training that is killed between the two may
    have saved a later one, and validates again when it goes on.
    """
    if last is not None:
        step = tf.train.load_variable(last, "best_step/.ATTRIBUTES/VARIABLE_VALUE")
        path = str(folder.best / f"ckpt-{step}")
        if tf.io.gfile.exists(f"{path}.index"):
            return path
    return tf.train.latest_checkpoint(str(folder.best))
