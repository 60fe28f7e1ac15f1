"""Interactions: a simple backbone with the graph, and two controls without it."""

from rstg_tf.experiments.config import Data, Experiment, Model, Trainer, head
from rstg_tf.experiments.recipe import WIDTHS, adamw, graph, simple_conv
from rstg_tf.registry import EXPERIMENTS


@EXPERIMENTS.register(
    "interactions_rstg",
    table="Interactions",
    compare_with=("interactions_mean", "interactions_lstm"),
)
def interactions_rstg(size):
    """Convolutions per frame and the space-time graph."""
    # After 300 steps of 32 clips a third was right in training; with layer normalisation it was
    # still a twentieth, as by chance.
    norm = "iteration_batch" if size == "lite" else "layer"
    # Without places left and right are the same: mirroring maps the graph onto itself.
    settings = graph(size, norm=norm, positional=True, final="mean")
    return _experiment(size, head("rstg", **settings))


@EXPERIMENTS.register("interactions_mean", table="Interactions")
def interactions_mean(size):
    """The average over frames of what each frame shows: blind to the order of time."""
    return _experiment(size, head("mean", units=WIDTHS[size]))


@EXPERIMENTS.register(
    "interactions_lstm", table="Interactions", compare_with=("interactions_mean",)
)
def interactions_lstm(size):
    """An LSTM over what each frame shows and where: time, but no graph."""
    return _experiment(size, head("conv_lstm", units=WIDTHS[size]))


def _experiment(size, head):
    return Experiment(
        model=Model(backbone=simple_conv(size), head=head),
        train_data=Data(global_batch_size=32),
        trainer=Trainer(train_steps=3000, optimizer_config=adamw(2e-3)),
    )
