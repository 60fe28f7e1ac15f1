"""The folder of a training whose steps ran elsewhere, by an exported `make_train_step`."""

import contextlib
import copy
import csv
import itertools
import pathlib
import re
import zipfile

import numpy as np
import tensorflow as tf

from rstg_tf import checked_json, experiments
from rstg_tf.experiments.build import build_optimizer
from rstg_tf.files import check_room, folder_written_whole
from rstg_tf.runs import RunFolder
from rstg_tf.runs.checkpoints import training_state
from rstg_tf.runs.log import RunLog
from rstg_tf.training.callbacks import Checkpoints, Validation
from rstg_tf.training.step import make_train_step, step_variables
from rstg_tf.training.train import build_trainee, make_validation

_META = {"arguments": [{"shape": [int]}], "captured": [{"name": str, "shape": [int]}]}


def adopt(config, meta, state, log, run_dir, hardware, note=None):
    """Makes a training's folder of the variables that an exported step left.

    A step of `make_train_step` that takes the learning rate can be exported to a machine that has
    an accelerator but no TensorFlow. What comes back is validated here, and then can be evaluated,
    published and started from like any training.

    Names of variables are not unique within a model, so their order tells them apart: that in
    which this very step, traced by the same code, captures them. A validation that falls behind
    the accuracy of the log is the sign of another order.

    Args:
        config: the `Experiment` that the step was made of, with the data, schedule and number of
            steps that it was given there; in float32.
        meta: JSON file of the export: `arguments` of the step (clips, labels, learning rate) with
            their `shape`, and `captured`, the `name` and `shape` of its variables in order.
        state: `.npz` file of their values: `v0`, `v1`, ... in the order of `captured`.
        log: CSV file with columns `step`, `seconds`, `loss`, `accuracy` and `learning_rate`; its
            last row is that of the last step. A loss or accuracy that was not kept is empty.
        run_dir: folder to make.
        hardware: what the steps ran on, in words, for the card.
        note: what else the card must tell of the way of these weights.

    Returns:
        The folder, a `RunFolder`.

    Raises:
        FileExistsError: if there is such a folder.
        ValueError: if a file is damaged, the variables or the batch are not those of the
            experiment's step, or not as many steps were done as it has.
    """
    experiments.check(config)
    if pathlib.Path(run_dir).exists():
        raise FileExistsError(f"A new folder is needed. Received: {run_dir}, which exists")
    check_room(pathlib.Path(run_dir).absolute().parent)
    if config.runtime.mixed_precision_dtype != "float32":
        raise ValueError(
            "Steps are adopted in float32. Received: runtime.mixed_precision_dtype="
            f"{config.runtime.mixed_precision_dtype}"
        )
    source = experiments.build_source(config.train_data)
    validation = experiments.build_source(config.validation_data)
    config = experiments.resolve(config, source)
    trainee = build_trainee(config, start=False)
    model, optimizer = trainee.classifier, trainee.optimizer
    about = checked_json.read(meta, _META, "What an export tells of its step")
    captured = [(_name(variable["name"]), variable["shape"]) for variable in about["captured"]]
    batch = [config.train_data.global_batch_size, *source.clip_shape]
    shapes = [argument["shape"] for argument in about["arguments"]]
    if shapes != [batch, batch[:1], []]:
        raise ValueError(
            f"The step of {config.name!r} takes clips {batch}, labels and a learning rate. "
            f"Received: arguments of shapes {shapes}"
        )
    _load(config, model, optimizer, source, captured, state)
    rows = _rows(log, config)

    states = training_state(model, optimizer)
    states.step.assign(rows[-1]["step"])
    states.seconds.assign(rows[-1]["seconds"])
    if not int(states.step) == int(optimizer.iterations) == config.trainer.train_steps:
        raise ValueError(
            f"The experiment has {config.trainer.train_steps} steps. Received: {log} that ends at "
            f"step {int(states.step)}, {state} after {int(optimizer.iterations)} steps"
        )
    validate = make_validation(trainee, validation, config, tf.distribute.get_strategy())
    with folder_written_whole(run_dir, new=True) as part:
        folder = RunFolder(part)
        folder.claim(config, source.class_names)
        rows[-1] |= Validation(states, validate, config.trainer, folder.best).run()
        more = {} if note is None else {"note": note}
        log = RunLog(folder, states, config, rows=rows, hardware=hardware, **more)
        Checkpoints(states, config.trainer, folder, log).save()
    return RunFolder(run_dir)


def _load(config, model, optimizer, source, theirs, state):
    """Gives model and optimizer the values of an exported step's variables."""
    told = copy.deepcopy(config.trainer.optimizer_config)  # Of a step that is told its rate.
    plain = {"type": "constant", "constant": {"learning_rate": 0.0}}
    experiments.apply_overrides(told, {"learning_rate": plain, "warmup": {"type": None}})
    twin = build_optimizer(told, model.trainable_variables)
    step = make_train_step(model, twin, takes_learning_rate=True)
    function = step.get_concrete_function(
        tf.zeros([1, *source.clip_shape], tf.uint8), tf.zeros(1, tf.int64), tf.constant(0.0)
    )
    variables = {id(v.handle): v for v in step_variables(model, twin) if isinstance(v, tf.Variable)}
    captured = [variables[id(handle)] for handle in function.captured_inputs]
    mine = [(_name(v.name), v.shape.as_list()) for v in captured]
    for index, (expected, received) in enumerate(itertools.zip_longest(mine, theirs)):
        if expected != received:
            raise ValueError(
                f"The variables must be those of the step of {config.name!r}. Received: "
                f"{received} as number {index}, where {expected} was expected"
            )
    with _read(state), np.load(state) as file:
        values = [file[f"v{i}"] for i in range(len(captured))]
    for variable, value in zip(captured, values, strict=True):
        variable.assign(value)
    for variable, value in zip(optimizer.variables, twin.variables, strict=True):
        variable.assign(value)


@contextlib.contextmanager
def _read(path):
    """Names the file where what it holds is damaged."""
    try:
        yield
    except (EOFError, KeyError, TypeError, ValueError, zipfile.BadZipFile) as error:
        raise ValueError(
            f"The file must hold all that an exported step left. Received: {path}, where reading "
            f"ended with {type(error).__name__}: {error}"
        ) from error


def _name(variable):
    """A variable's name without that of the model, which Keras numbers."""
    return re.sub(r"video_classifier(_\d+)?/", "", variable)


def _rows(path, config):
    """Rows of a `RunLog` from those of a log."""
    with _read(path):
        with pathlib.Path(path).open(newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
        for row in rows:
            row |= {"step": int(row["step"]), "seconds": float(row["seconds"])}
    batch_size, step, seconds = config.train_data.global_batch_size, 0, 0.0
    for row in rows:
        last_step, last_seconds = step, seconds
        step, seconds = row["step"], row["seconds"]
        if step <= last_step or seconds <= last_seconds:
            raise ValueError(
                f"Steps and seconds of a log must grow. Received: {path} with step {step} after "
                f"{seconds} s behind step {last_step} after {last_seconds} s"
            )
        rate = (step - last_step) * batch_size / (seconds - last_seconds)
        row |= {"videos": step * batch_size, "videos_per_second": f"{rate:.6g}"}
    if not rows:
        raise ValueError(f"A training has a log with rows. Received: {path}")
    return rows
