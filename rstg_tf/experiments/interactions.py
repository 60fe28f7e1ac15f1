"""Interactions: a simple backbone with the graph, and two controls without it."""

from rstg_tf.experiments.config import Data, Experiment, Source, Trainer
from rstg_tf.experiments.recipe import adamw
from rstg_tf.registry import EXPERIMENTS


@EXPERIMENTS.register(
    "interactions_rstg",
    table="Interactions",
    compare_with=("interactions_mean", "interactions_lstm"),
)
def interactions_rstg(size):
    """Convolutions per frame and the space-time graph."""
    return _experiment(size, "rstg")


@EXPERIMENTS.register("interactions_mean", table="Interactions")
def interactions_mean(size):
    """The average over frames of what each frame shows: blind to the order of time."""
    return _experiment(size, "mean")


@EXPERIMENTS.register(
    "interactions_lstm", table="Interactions", compare_with=("interactions_mean",)
)
def interactions_lstm(size):
    """An LSTM over what each frame shows and where: time, but no graph."""
    return _experiment(size, "conv_lstm")


def _experiment(size, head):
    width = {"lite": 64, "paper": 512}[size]
    config = Experiment(
        train_data=Data(source=Source(type="interactions"), global_batch_size=32),
        trainer=Trainer(train_steps=3000, optimizer_config=adamw(2e-3)),
    )
    config.model.backbone.simple_conv.filters = {
        "lite": (16, 32, 64),
        "paper": (512, 512, 512),
    }[size]
    config.model.head.type = head
    rstg = config.model.head.rstg
    rstg.node_dim = rstg.message_dim = width
    # Without places left and right are the same: mirroring maps the graph onto itself.
    rstg.positional = True
    rstg.final = "mean"
    if size == "lite":
        # After 300 steps of 32 clips a third was right in training; with layer normalisation it
        # was still a twentieth, as by chance.
        rstg.norm = "iteration_batch"
    config.model.head.mean.units = config.model.head.conv_lstm.units = width
    return config
