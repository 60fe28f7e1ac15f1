"""SyncMNIST: the rows of the poster's first table, for 3 and for 5 digits.

Nicolicioiu et al. 2019, section 4.1 and table 1.
"""

import functools

from rstg_tf.experiments.config import Data, Experiment, Head, Source, SyncMNIST, Trainer
from rstg_tf.experiments.recipe import adamw
from rstg_tf.experiments.registry import register
from rstg_tf.experiments.video_resnet import set_video_resnet

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


def _experiment(digits, row, size):
    source = Source(type="syncmnist", syncmnist=SyncMNIST(digits=digits))
    config = Experiment(
        train_data=Data(source=source, global_batch_size=64),
        validation_data=Data(
            source=source,
            split="validation",
            is_training=False,
            global_batch_size=64,
            num_examples=2000,
        ),
        trainer=Trainer(
            train_steps={"lite": 20_000, "paper": 400_000}[size],
            checkpoint_interval=500,
            validation_interval=1000,
            optimizer_config=adamw(1e-3),
        ),
    )
    if row in VIDEO_RESNETS:
        set_video_resnet(config.model, row, size)
    else:
        _set_simple_conv(config.model, row, size)
    return config


def _set_simple_conv(model, row, size):
    head, settings = ROWS[row]
    width = {"lite": 64, "paper": 512}[size]
    sizes = {"node_dim": width, "message_dim": width} if head == "rstg" else {"units": width}
    model.backbone.simple_conv.filters = {"lite": (16, 32, 64), "paper": (512, 512, 512)}[size]
    model.head = Head({"type": head, head: {**sizes, **settings}})


for _digits, _rows in ((3, ROWS), (5, (*ROWS, *VIDEO_RESNETS))):
    for _row in _rows:
        register(f"sync{_digits}_{_row}")(functools.partial(_experiment, _digits, _row))
