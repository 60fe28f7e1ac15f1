"""Training of experiments: strategies, optimizers, exact resumption, run folders."""

from rstg_tf.runs import restore
from rstg_tf.training.adopt import adopt
from rstg_tf.training.callbacks import DivergedError
from rstg_tf.training.cluster import WorkerLost
from rstg_tf.training.start import warm_start
from rstg_tf.training.step import make_train_step, step_variables
from rstg_tf.training.train import train

__all__ = [
    "DivergedError",
    "WorkerLost",
    "adopt",
    "make_train_step",
    "restore",
    "step_variables",
    "train",
    "warm_start",
]
