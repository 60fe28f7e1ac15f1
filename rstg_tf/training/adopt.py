"""The folder of a training whose steps ran elsewhere, by an exported `make_train_step`."""

import copy
import csv
import itertools
import json
import pathlib
import re

import numpy as np
import tensorflow as tf

from rstg_tf import experiments
from rstg_tf.training.checkpoints import Checkpoints, Validation
from rstg_tf.training.optimizer import build_optimizer
from rstg_tf.training.run_folder import RunFolder
from rstg_tf.training.run_log import RunLog
from rstg_tf.training.state import training_state
from rstg_tf.training.step import make_train_step, step_variables
from rstg_tf.training.strategy import get_strategy
from rstg_tf.training.train import build_trainee, make_validation


def adopt(config, meta, state, log, run_dir, hardware):
    """Makes of the variables that an exported step left what `train` would have left here.

    A step of `make_train_step` can be exported to a machine that has an accelerator but no
    TensorFlow. What comes back is validated here, and then is a training as any other: it can be
    evaluated, published, and gone on with.

    Args:
        config: the `Experiment` that the step was made of, with the data, schedule and number of
            steps that it was given there.
        meta: JSON file of the export: `arguments` of the step, and `captured`, the `name` and
            `shape` of its variables in order.
        state: `.npz` file of their values: `v0`, `v1`, ... in the order of `captured`.
        log: CSV file with columns `step`, `seconds`, `loss`, `accuracy` and `learning_rate`; its
            last row is that of the last step. A loss or accuracy that was not kept is empty.
        run_dir: folder to make.
        hardware: what the steps ran on, in words, for the card.

    Returns:
        The folder, a `RunFolder`.

    Raises:
        FileExistsError: if the folder is that of a training already.
        ValueError: if the variables are not those of the experiment's step, or not as many steps
            were done as it has.
    """
    experiments.check(config)
    folder = RunFolder(run_dir)
    if folder.config.exists():
        raise FileExistsError(f"A new folder is needed. Received: {run_dir}, which has a training")
    source = experiments.build_source(config.train_data)
    validation = experiments.build_source(config.validation_data)
    config = experiments.resolve(config, source)
    strategy = get_strategy(config.runtime)
    trainee = build_trainee(config)
    model, optimizer = trainee.classifier, trainee.optimizer
    _load(config, model, optimizer, source, meta, state)

    rows = _rows(log, config)
    states = training_state(model, optimizer)
    states.step.assign(int(rows[-1]["step"]))
    states.seconds.assign(float(rows[-1]["seconds"]))
    if not int(states.step) == int(optimizer.iterations) == config.trainer.train_steps:
        raise ValueError(
            f"The experiment has {config.trainer.train_steps} steps. Received: {log} that ends at "
            f"step {int(states.step)}, {state} after {int(optimizer.iterations)} steps"
        )
    validate = make_validation(trainee, validation, config, strategy)
    Validation(states, validate, config.trainer, folder.best).on_epoch_end(0, rows[-1])
    Checkpoints(states, config.trainer, folder.last).on_epoch_end(0)
    RunLog(folder, states, config).write(rows, hardware)
    folder.claim(config, source.class_names)  # Last: without it the folder is no training yet.
    return folder


def _load(config, model, optimizer, source, meta, state):
    """Gives model and optimizer the values of an exported step's variables."""
    meta = json.loads(pathlib.Path(meta).read_text())
    takes_learning_rate = len(meta["arguments"]) == 3
    twin = _with_plain_rate(config, model) if takes_learning_rate else optimizer
    step = make_train_step(model, twin, takes_learning_rate=takes_learning_rate)
    clip = (1, *source.clip_shape)
    arguments = [tf.zeros(clip, tf.uint8), tf.zeros(1, tf.int64), tf.constant(0.0)]
    function = step.get_concrete_function(*arguments[: len(meta["arguments"])])
    variables = {id(v.handle): v for v in step_variables(model, twin) if isinstance(v, tf.Variable)}
    captured = [variables[id(handle)] for handle in function.captured_inputs]
    mine = [(_name(v.name), v.shape.as_list()) for v in captured]
    theirs = [(_name(v["name"]), v["shape"]) for v in meta["captured"]]
    for index, (expected, received) in enumerate(itertools.zip_longest(mine, theirs)):
        if expected != received:
            raise ValueError(
                f"The variables must be those of the step of {config.name!r}. Received: "
                f"{received} as number {index}, where {expected} was expected"
            )
    with np.load(state) as values:
        for i, variable in enumerate(captured):
            variable.assign(values[f"v{i}"])
    if twin is not optimizer:
        for variable, value in zip(optimizer.variables, twin.variables, strict=True):
            variable.assign(value)


def _name(variable):
    """A variable's name without that of the model, which Keras numbers."""
    return re.sub(r"video_classifier(_\d+)?/", "", variable)


def _with_plain_rate(config, model):
    """The optimizer of a step that is told its learning rate."""
    optimization = copy.deepcopy(config.trainer.optimizer_config)
    experiments.apply_overrides(
        optimization,
        {
            "learning_rate": {"type": "constant", "constant": {"learning_rate": 0.0}},
            "warmup": {"type": None},
        },
    )
    return build_optimizer(optimization, model.trainable_variables)


def _rows(path, config):
    """Rows of a `RunLog` from those of a log."""
    with pathlib.Path(path).open(newline="", encoding="utf-8") as file:
        rows = [{"step": int(row.pop("step")), **row} for row in csv.DictReader(file)]
    if not rows:
        raise ValueError(f"A training has a log with rows. Received: {path}")
    batch_size, step, seconds = config.train_data.global_batch_size, 0, 0.0
    for row in rows:
        row["videos"] = row["step"] * batch_size
        passed = float(row["seconds"]) - seconds
        row["videos_per_second"] = f"{(row['step'] - step) * batch_size / passed:.6g}"
        step, seconds = row["step"], float(row["seconds"])
    return rows
