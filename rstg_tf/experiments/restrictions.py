"""What the settings of an experiment must fulfil together, checked before anything starts."""

import dataclasses

from official.modeling import hyperparams

from rstg_tf.data.clips import Clips
from rstg_tf.data.decoding import ON_CORRUPT

# Model Garden's plain names of these build legacy optimizers, which can't average weights.
OPTIMIZERS = ("adamw_experimental", "adam_experimental", "sgd_experimental", "rmsprop", "adagrad")


def check(config):
    """Checks the restrictions between the settings of an experiment.

    Args:
        config: an `Experiment`.

    Raises:
        ValueError: naming the settings and their values.
    """
    for path, section in _choices(config):
        names = [f.name for f in dataclasses.fields(section) if f.name != "type"]
        _require(section.type in names, f"must be one of {names}", {f"{path}.type": section.type})
    _check_data(config)
    _check_trainer(config.trainer)


def _check_data(config):
    train, validation = config.train_data, config.validation_data
    _require(
        train.is_training and not validation.is_training,
        "must be true and false",
        {
            "train_data.is_training": train.is_training,
            "validation_data.is_training": validation.is_training,
        },
    )
    _require(
        (train.input_path, train.split) != (validation.input_path, validation.split),
        "must differ: validation on training data says nothing",
        {"train_data.split": train.split, "validation_data.split": validation.split},
    )
    for name, data in (("train_data", train), ("validation_data", validation)):
        size = data.global_batch_size
        _require(size >= 1, "must be positive", {f"{name}.global_batch_size": size})
        count = {f"{name}.num_examples": data.num_examples}
        _require(data.num_examples >= 0, "must be 0 (all) or more", count)
        choice = {f"{name}.on_corrupt": data.on_corrupt}
        _require(data.on_corrupt in ON_CORRUPT, f"must be one of {ON_CORRUPT}", choice)
        try:
            Clips(**data.clips.as_dict())
        except ValueError as error:
            raise ValueError(f"{name}.clips: {error}") from error
    replicas = config.runtime.virtual_devices
    _require(replicas >= 1, "must be positive", {"runtime.virtual_devices": replicas})
    _require(
        train.global_batch_size % replicas == 0,
        "must be a multiple of the number of devices",
        {
            "train_data.global_batch_size": train.global_batch_size,
            "runtime.virtual_devices": replicas,
        },
    )


def _check_trainer(trainer):
    for name in ("train_steps", "checkpoint_interval", "validation_interval", "max_to_keep"):
        value = getattr(trainer, name)
        _require(value >= 1, "must be positive", {f"trainer.{name}": value})
    _require(
        0 <= trainer.label_smoothing < 1,
        "must be in [0, 1)",
        {"trainer.label_smoothing": trainer.label_smoothing},
    )
    prefix, optimization = "trainer.optimizer_config", trainer.optimizer_config
    kind = optimization.optimizer.type
    _require(kind in OPTIMIZERS, f"must be one of {OPTIMIZERS}", {f"{prefix}.optimizer.type": kind})
    schedule = optimization.learning_rate
    _require(schedule.type, "must be chosen", {f"{prefix}.learning_rate.type": schedule.type})
    for name in ("initial_learning_rate", "boundaries", "values"):
        value = getattr(schedule.get(), name, 0)
        _require(
            value is not None,
            "must be set",
            {f"{prefix}.learning_rate.{schedule.type}.{name}": value},
        )
    if optimization.ema is not None:
        decay = optimization.ema.average_decay
        _require(
            decay is None or 0 < decay < 1,
            "must be in (0, 1)",
            {f"{prefix}.ema.average_decay": decay},
        )


def _choices(config, prefix=""):
    for field in dataclasses.fields(config):
        value, path = getattr(config, field.name), f"{prefix}{field.name}"
        if dataclasses.is_dataclass(value):
            if isinstance(value, hyperparams.OneOfConfig) and value.type is not None:
                yield path, value
            yield from _choices(value, f"{path}.")


def _require(condition, rule, settings):
    if not condition:
        received = ", ".join(f"{path}={value!r}" for path, value in settings.items())
        raise ValueError(f"{' and '.join(settings)} {rule}. Received: {received}")
