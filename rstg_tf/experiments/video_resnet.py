"""ResNet-50 for clips: the rows of the poster's second table that its authors trained.

Nicolicioiu et al. 2019, section 4.2 and table 2.
"""

import functools

from rstg_tf.backbones import C2D_KERNELS, I3D_KERNELS
from rstg_tf.experiments.config import Clips, Data, Experiment, Trainer, backbone, head, source
from rstg_tf.experiments.recipe import adamw, graph
from rstg_tf.registry import EXPERIMENTS

# Name of the row -> places of the RSTG blocks.
ROWS = {
    "c2d": (),
    "rstg_c2d": ("final",),
    "i3d": (),
    "i3d_nl": (),
    "rstg_vec": ("final",),
    "rstg_res2": ("res2",),
    "rstg_res3": ("res3",),
    "rstg_res4": ("res4",),
    "rstg_res3_4": ("res3", "res4"),
}
SOMETHING_SOMETHING_CLASSES = 174
# The model that a newcomer loads first is trained for longer than the rows it is compared with.
_LITE_STEPS = {"rstg_res3_4": 4000}


def _experiment(row, size):
    lite = size == "lite"
    rendered = source("interactions", **({} if lite else {"size": 224, "frames": 32}))
    clips = Clips() if lite else Clips(frames=32, size=224, short_side=256)
    data = {"source": rendered, "clips": clips, "global_batch_size": 16 if lite else 64}
    config = Experiment(
        train_data=Data(**data),
        validation_data=Data(**data, split="validation", is_training=False, num_examples=1000),
        trainer=Trainer(
            train_steps=_LITE_STEPS.get(row, 2000) if lite else 100_000,
            checkpoint_interval=100 if lite else 500,
            validation_interval=500 if lite else 5000,
            optimizer_config=adamw(2e-3 if lite else 2e-4),
        ),
    )
    config.model.num_classes = None if lite else SOMETHING_SOMETHING_CLASSES
    # A branch that starts at zero gets hardly any gradient at first, and Adam makes full steps of
    # it. Trained from random weights with layer normalisation, nodes lost what told clips apart,
    # tenfold in each round, and stayed so; batch normalisation keeps it.
    norm = "batch" if lite else "layer"
    block = graph(size, norm=norm, node_batch_norm=False, scalewise_update=not lite)
    set_video_resnet(config.model, row, size, ROWS[row], block)
    return config


def set_video_resnet(model, row, size, places=(), block=None):
    """Makes a `Model` config a video ResNet with an average head.

    RSTG blocks with the arguments `block` stand at `places`: stages of the backbone, or `"final"`.
    """
    lite, block = size == "lite", block or graph("lite")
    kernels = dict(C2D_KERNELS if row.endswith("c2d") else I3D_KERNELS)
    if lite:
        kernels["stem"] = 1  # Five frames there would double the time of training.
    model.norm = "none"
    model.dropout = 0.0 if lite else 0.3
    model.backbone = backbone(
        "video_resnet",
        width=0.125 if lite else 1.0,
        temporal_kernels=kernels,
        non_local=("res3", "res4") if row == "i3d_nl" else (),
        graphs=tuple(place for place in places if place != "final"),
        graph_options=block,
    )
    model.head = head("average", graph_options=block if "final" in places else None)


for _row in ROWS:
    EXPERIMENTS.register(_row)(functools.partial(_experiment, _row))
