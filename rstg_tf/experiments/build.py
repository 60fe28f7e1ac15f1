"""From a config to the objects that it describes."""

from rstg_tf.models import VideoClassifier


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
    generator = _GENERATORS[config.source.type]
    return generator()(split=config.split, seed=config.seed, **config.source.get().as_dict())


def _interactions():
    from rstg_tf.data.synthetic.interactions import Interactions

    return Interactions


def _syncmnist():
    from rstg_tf.data.synthetic.syncmnist import SyncMNIST

    return SyncMNIST


_GENERATORS = {"interactions": _interactions, "syncmnist": _syncmnist}
