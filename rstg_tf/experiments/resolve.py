"""Settings that follow from others, written out."""

import copy

from rstg_tf.experiments.registry import get_experiment, list_experiments
from rstg_tf.experiments.restrictions import check_batches


def resolve(config, source):
    """Fills in what an experiment leaves to its data and to the length of its training.

    Args:
        config: an `Experiment`.
        source: the training data, see `rstg_tf.data.input`.

    Returns:
        A copy of `config` in which classes, channels and all that lasts a part of the training are
        set.

    Raises:
        ValueError: if the config has other classes or channels than the data, or its batches take
            too much memory. The number of classes that the experiment has by itself gives way to
            that of shards.
    """
    check_batches(config, source.clip_shape)
    config = copy.deepcopy(config)
    if config.train_data.input_path and _is_its_own(config, "num_classes"):
        config.model.num_classes = None
    data = {"num_classes": len(source.class_names), "channels": source.clip_shape[-1]}
    for name, value in data.items():
        if getattr(config.model, name) not in (None, value):
            raise ValueError(
                f"model.{name} must be the data's, {value}: name other data (--data), or let the "
                f"data decide (null). Received: model.{name}={getattr(config.model, name)!r}"
            )
        setattr(config.model, name, value)
    steps, optimization = config.trainer.train_steps, config.trainer.optimizer_config
    schedule, warmup = optimization.learning_rate.get(), optimization.warmup.get()
    if getattr(schedule, "decay_steps", 0) is None:
        schedule.decay_steps = steps
    if getattr(warmup, "warmup_steps", 0) is None:
        warmup.warmup_steps = max(1, steps // 20)
    if optimization.ema is not None and optimization.ema.average_decay is None:
        optimization.ema.average_decay = 1 - min(1, 20 / steps)
    return config


def _is_its_own(config, name):
    """Whether a setting of the model is the one that the experiment was registered with."""
    if not list_experiments(config.name):
        return False
    registered = get_experiment(config.name, config.size)
    return getattr(config.model, name) == getattr(registered.model, name)
