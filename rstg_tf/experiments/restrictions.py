"""What the settings of an experiment must fulfil together, checked before anything starts."""

import dataclasses
import itertools
import math

from official.modeling import hyperparams

from rstg_tf.data.pipeline.clips import Clips
from rstg_tf.data.shards.records import ON_CORRUPT
from rstg_tf.experiments.ranges import rule

# Model Garden's plain names of these build legacy optimizers, which can't average weights.
OPTIMIZERS = ("adamw_experimental", "adam_experimental", "sgd_experimental", "rmsprop", "adagrad")
_MAX_BATCH = 2**32


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
    for path, value in _numbers(config):
        broken = rule(path, value)
        _require(broken is None, broken, {path: value})
    _check_data(config)
    _check_trainer(config.trainer)


def check_batches(config, clip_shape):
    """Raises a ValueError if batches of clips `(T, H, W, C)` are too large for memory."""
    for name in ("train_data", "validation_data"):
        size = getattr(config, name).global_batch_size
        num_bytes = size * math.prod(clip_shape)
        _require(
            num_bytes <= _MAX_BATCH,
            f"must be less: clips of shape {tuple(clip_shape)} make batches of "
            f"{num_bytes / 2**30:.1f} GiB of uint8, {_MAX_BATCH / 2**30:.0f} GiB at most",
            {f"{name}.global_batch_size": size},
        )


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
        choice = {f"{name}.on_corrupt": data.on_corrupt}
        _require(data.on_corrupt in ON_CORRUPT, f"must be one of {ON_CORRUPT}", choice)
        try:
            Clips(**data.clips.as_dict())
        except ValueError as error:
            raise ValueError(f"{name}.clips: {error}") from error
    replicas = config.runtime.virtual_devices
    _require(
        train.global_batch_size % replicas == 0,
        "must be a multiple of the number of devices",
        {
            "train_data.global_batch_size": train.global_batch_size,
            "runtime.virtual_devices": replicas,
        },
    )


def _check_trainer(trainer):
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
    _check_steps_of_rate(schedule.get(), f"{prefix}.learning_rate.{schedule.type}")


def _check_steps_of_rate(schedule, path):
    boundaries, values = getattr(schedule, "boundaries", None), getattr(schedule, "values", None)
    if boundaries is None or values is None:
        return
    settings = {f"{path}.boundaries": boundaries, f"{path}.values": values}
    _require(
        all(a < b for a, b in itertools.pairwise(boundaries)) and len(boundaries) > 0,
        "must be steps that grow",
        {f"{path}.boundaries": boundaries},
    )
    _require(
        len(values) in (len(boundaries), len(boundaries) + 1),
        "must fit: one value more than boundaries",
        settings,
    )


def _numbers(config, prefix=""):
    """Dotted names and values of all settings, without choices that are not taken."""
    for field in dataclasses.fields(config):
        value, path = getattr(config, field.name), f"{prefix}{field.name}"
        chosen = not isinstance(config, hyperparams.OneOfConfig) or field.name == config.type
        if not dataclasses.is_dataclass(value):
            yield path, value
        elif chosen:
            yield from _numbers(value, f"{path}.")


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
