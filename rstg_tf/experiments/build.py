"""From a config to the objects that it describes."""

from rstg_tf.experiments.config import Optimization
from rstg_tf.models import VideoClassifier
from rstg_tf.registry import SOURCES


def build_model(config):
    """Builds the classifier that a `Model` config describes.

    Args:
        config: the `model` section of an experiment, resolved.

    Returns:
        A `VideoClassifier` with fresh weights.
    """
    return VideoClassifier(
        config.num_classes,
        channels=config.channels,
        backbone=config.backbone.type,
        backbone_options=config.backbone.get().as_dict(),
        head=config.head.type,
        head_options=config.head.get().as_dict(),
        norm=config.norm,
        dropout=config.dropout,
        preprocessing=config.preprocessing,
    )


def build_optimizer(config, variables, mixed_precision_dtype="float32"):
    """Builds a Keras optimizer with its own variables; with "float16" it scales the loss."""
    from official.modeling import optimization, performance

    # The factory averages weights for legacy optimizers only; Keras's own can do it themselves.
    factory = optimization.OptimizerFactory(Optimization({**config.as_dict(), "ema": None}))
    optimizer = factory.build_optimizer(
        factory.build_learning_rate(),
        use_legacy_optimizer=False,
    )
    if config.ema is not None:
        optimizer.use_ema = True
        optimizer.ema_momentum = config.ema.average_decay
        optimizer.ema_overwrite_frequency = None
    optimizer.build(variables)
    return performance.configure_optimizer(
        optimizer, use_float16=mixed_precision_dtype == "float16"
    )


def build_source(config):
    """Builds what a `Data` config reads: shards, or a generator that makes clips on the fly.

    Args:
        config: the `train_data` or `validation_data` section of an experiment.

    Returns:
        A source for `rstg_tf.data.input`.
    """
    if config.input_path:
        from rstg_tf.data.pipeline.clips import Clips
        from rstg_tf.data.shards.source import Shards

        clips = Clips(**config.clips.as_dict())
        return Shards(config.input_path, config.split, clips, config.on_corrupt)
    source = SOURCES.get(config.source.type)
    return source(split=config.split, seed=config.seed, **config.source.get().as_dict())
