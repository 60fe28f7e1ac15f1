"""SyncMNIST: the rows of the poster's first table, for 3 and for 5 digits.

Nicolicioiu et al. 2019, section 4.1 and table 1.
"""

import functools

from rstg_tf.experiments.config import Data, Experiment, Trainer, head, source
from rstg_tf.experiments.recipe import WIDTHS, adamw, graph, simple_conv
from rstg_tf.experiments.video_resnet import set_video_resnet
from rstg_tf.registry import EXPERIMENTS

# Name of the row -> head and its settings.
ROWS = {
    "mean_lstm": ("mean_lstm", {}),
    "conv_lstm": ("conv_lstm", {}),
    "rstg_space_only": ("rstg", {"variant": "space_only"}),
    "rstg_time_only": ("rstg", {"variant": "time_only"}),
    "rstg_homogeneous": ("rstg", {"variant": "homogeneous"}),
    "rstg_1temp": ("rstg", {"variant": "1_temp"}),
    "rstg_alltemp": ("rstg", {"variant": "all_temp"}),
    "rstg_positional": ("rstg", {"variant": "all_temp", "positional": True}),
}
VIDEO_RESNETS = ("i3d", "i3d_nl")  # With 5 digits only.
# 5 digits go on from the published model of 3, which knows digits, motion and the same classes.
STAGED = ("rstg_1temp", "rstg_alltemp", "rstg_positional")


def _experiment(digits, row, size):
    videos = source("syncmnist", digits=digits)
    config = Experiment(
        train_data=Data(source=videos),
        validation_data=Data(
            source=videos,
            split="validation",
            is_training=False,
            global_batch_size=64,
            num_examples=2000,
        ),
        trainer=Trainer(
            checkpoint_interval={"lite": 100, "paper": 500}[size],
            validation_interval={"lite": 500, "paper": 1000}[size],
        ),
    )
    if row in VIDEO_RESNETS:
        set_video_resnet(config.model, row, size)
        _from_easy_motion(config, 64, {"lite": 26_800, "paper": 400_000}[size], 1e-3)
        return config
    config.model.backbone, config.model.head = simple_conv(size), _head(row, size)
    if size == "paper":
        _from_easy_motion(config, 64, 400_000, 1e-3)
    elif digits == 5 and row in STAGED:
        _from_model(config, f"sync3_{row}")
    else:
        _from_easy_motion(config, 256, 6_700, 1.5e-3)
        # As it was found on a GPU, see docs/syncmnist_recipe.md.
        config.trainer.optimizer_config.warmup.linear.warmup_steps = 400
        config.trainer.optimizer_config.ema.average_decay = 0.9975
    return config


def _from_easy_motion(config, batch_size, steps, learning_rate):
    """Motion is easy for a fifth of the videos, gets harder, and is true for the last 45 %."""
    motion = config.train_data.source.syncmnist
    motion.persistence = 0.95
    motion.annealing = tuple(int(part * steps) * batch_size for part in (0.2, 0.55))
    _set_length(config, batch_size, steps, learning_rate)


def _from_model(config, name):
    config.trainer.init_checkpoint = name
    _set_length(config, 128, 1_200, 5e-4)


def _set_length(config, batch_size, steps, learning_rate):
    config.train_data.global_batch_size = batch_size
    config.trainer.train_steps = steps
    config.trainer.optimizer_config = adamw(learning_rate)


def _head(row, size):
    kind, settings = ROWS[row]
    if kind != "rstg":
        return head(kind, units=WIDTHS[size])
    if size == "lite":
        # It learns faster than layer normalisation, see docs/syncmnist_recipe.md.
        settings = {"norm": "iteration_batch", "node_batch_norm": False, **settings}
    return head(kind, **graph(size, **settings))


for _digits, _rows in ((3, ROWS), (5, (*ROWS, *VIDEO_RESNETS))):
    for _row in _rows:
        EXPERIMENTS.register(f"sync{_digits}_{_row}")(functools.partial(_experiment, _digits, _row))
