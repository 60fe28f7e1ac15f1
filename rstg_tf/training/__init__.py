"""Training of experiments: strategies, optimizers, exact resumption, run folders."""

from rstg_tf.runs.restore import restore
from rstg_tf.training.step import make_train_step, step_variables
from rstg_tf.training.train import train

__all__ = ["make_train_step", "restore", "step_variables", "train"]
