"""SyncMNIST: the rows of the poster's first table, for 3 and for 5 digits.

Nicolicioiu et al. 2019, section 4.1 and table 1.
"""

import functools

from rstg_tf.experiments.config import Data, Experiment, Head, Source, SyncMNIST, Trainer
from rstg_tf.experiments.recipe import adamw
from rstg_tf.experiments.registry import register

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


def _experiment(digits, row, size):
    head, settings = ROWS[row]
    width = {"lite": 64, "paper": 512}[size]
    sizes = {"node_dim": width, "message_dim": width} if head == "rstg" else {"units": width}
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
    config.model.backbone.simple_conv.filters = {
        "lite": (16, 32, 64),
        "paper": (512, 512, 512),
    }[size]
    config.model.head = Head({"type": head, head: {**sizes, **settings}})
    return config


for _digits in (3, 5):
    for _row in ROWS:
        register(f"sync{_digits}_{_row}")(functools.partial(_experiment, _digits, _row))
