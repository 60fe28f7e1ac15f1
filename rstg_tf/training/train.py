"""Training of one experiment into one folder."""

import contextlib
import dataclasses
import functools
import math
import os
from typing import Any

import tensorflow as tf

from rstg_tf import experiments
from rstg_tf.data.input import evaluation_dataset, training_dataset
from rstg_tf.experiments.build import build_optimizer
from rstg_tf.files import check_room, temporary_folder
from rstg_tf.runs import RunFolder
from rstg_tf.runs.checkpoints import training_state
from rstg_tf.runs.log import RunLog
from rstg_tf.training.callbacks import Checkpoints, Progress, Steps, Validation
from rstg_tf.training.cluster import told_of_lost_workers
from rstg_tf.training.start import has_begun, restore_newest, warm_start
from rstg_tf.training.step import Trainee
from rstg_tf.training.strategy import check_same_step, distribute, get_strategy, is_chief


def train(
    config: experiments.Experiment, run_dir: str | os.PathLike, minutes: float | None = None
) -> RunFolder:
    """Trains an experiment, or resumes a training that was interrupted.

    An epoch of Keras's `fit` is a checkpoint interval. Data, schedule and optimizer resume exactly
    where the last checkpoint was, so an interruption changes nothing; but dropout, where there is
    any, draws other units than it would have.

    Args:
        config: an `rstg_tf.experiments.Experiment`.
        run_dir: folder of the training; see `RunFolder`.
        minutes: where given, ends at the first checkpoint after so many minutes of training; the
            next call resumes there. Not for several workers, whose clocks differ.

    Returns:
        The folder, a `RunFolder`.

    Raises:
        ValueError: if the config contradicts itself or the data, if the machine can't give the
            strategy, if the folder holds a training of another config or another process trains
            into it, or if workers do not see the same folder.
        WorkerLost: if another worker of the training ended.
        DivergedError: if the loss is not finite.
    """
    experiments.check(config)
    if minutes is not None and config.runtime.distribution_strategy == "multi_worker_mirrored":
        raise ValueError(
            f"Several workers must train without a limit of time. Received: minutes={minutes}"
        )
    strategy = get_strategy(config.runtime)
    source = experiments.build_source(config.train_data)
    validation = experiments.build_source(config.validation_data)
    _check_same_classes(source, validation)
    config = experiments.resolve(config, source)
    folder, chief = RunFolder(run_dir), is_chief(strategy)
    with contextlib.ExitStack() as stack:
        new = not folder.path.exists()
        if chief and not new:
            stack.enter_context(folder.held())  # Before anything is read that others may write.
        folder.claim(config, source.class_names, write=False)  # Whose training is it?
        begun = has_begun(folder, config.trainer.checkpoint_interval)
        tf.keras.utils.set_random_seed(config.trainer.seed)
        if config.runtime.op_determinism:
            tf.config.experimental.enable_op_determinism()
        with _precision(config.runtime.mixed_precision_dtype), strategy.scope():
            trainee = build_trainee(config, start=not begun)
        state = training_state(trainee.classifier, trainee.optimizer)
        # Now that the config has proved sound, the folder is made.
        if chief:
            check_room(folder.path, _size(state))
        if chief and new:
            stack.enter_context(folder.held())
            if has_begun(folder, config.trainer.checkpoint_interval):
                raise ValueError(f"{folder.path} was made by another process. Received: {run_dir}")
        folder.claim(config, source.class_names, write=chief)
        if begun:
            restore_newest(state, folder)
        with told_of_lost_workers(folder.path):
            check_same_step(strategy, int(state.step), folder.path)
            job = _Job(trainee, state, source, validation, config, strategy, minutes)
            job.finish(folder, chief)
    return folder


def build_trainee(config, start=True):
    """Builds and compiles the model of a resolved experiment, within the scope of its strategy.

    With `start` it takes the weights that the training starts from.
    """
    classifier = experiments.build_model(config.model)
    if start and config.trainer.init_checkpoint:
        warm_start(classifier, config.trainer.init_checkpoint)
    trainee = Trainee(classifier, config.trainer.label_smoothing)
    optimizer = build_optimizer(
        config.trainer.optimizer_config,
        classifier.trainable_variables,
        config.runtime.mixed_precision_dtype,
    )
    trainee.compile(optimizer, jit_compile=config.runtime.enable_xla)
    return trainee


@dataclasses.dataclass
class _Job:
    """What is left to do of a training, from the step of its state on."""

    trainee: Trainee
    state: tf.train.Checkpoint
    source: Any
    validation: Any
    config: experiments.Experiment
    strategy: tf.distribute.Strategy
    minutes: float | None

    def finish(self, folder, chief):
        """Trains, and keeps what comes of it in the folder."""
        finished = int(self.state.step) >= self.config.trainer.train_steps
        if chief:
            skipped = [s.skipped for s in (self.source, self.validation) if hasattr(s, "skipped")]
            log = RunLog(folder, self.state, self.config, skipped)
            log.resume()
            Checkpoints(self.state, self.config.trainer, folder).tidy(spare=True)
            if not finished:
                batch_size = self.config.train_data.global_batch_size
                progress = Progress(self.state, self.config.trainer, batch_size)
                with contextlib.closing(progress):
                    self._fit(folder, log, progress)
        elif not finished:
            # Every worker has to save, one worker's files are kept.
            with temporary_folder(_size(self.state)) as elsewhere:
                self._fit(RunFolder(elsewhere))

    def _fit(self, folder, log=None, progress=None):
        state, trainer, data = self.state, self.config.trainer, self.config.train_data
        done, interval = int(state.step), trainer.checkpoint_interval
        validate = make_validation(self.trainee, self.validation, self.config, self.strategy)

        make_dataset = functools.partial(
            training_dataset,
            self.source,
            data.global_batch_size,
            seed=data.seed,
            start_step=done,
            deterministic=data.deterministic,
        )
        self.trainee.fit(
            distribute(self.strategy, lambda context: make_dataset(context=context)),
            steps_per_epoch=interval,
            initial_epoch=done // interval,
            epochs=math.ceil(trainer.train_steps / interval),
            callbacks=[
                Steps(state, trainer),
                Validation(state, validate, trainer, folder.best),
                *([progress, log] if log else []),
                Checkpoints(state, trainer, folder, log, self.minutes),
            ],
            verbose=0,
        )


def _size(state):
    """Bytes that the next checkpoints take: the state, and the best weights."""
    variables = [*state.model.variables, *state.model.variables, *state.optimizer.variables]
    return 2**20 + sum(
        variable.dtype.size * variable.shape.num_elements() for variable in variables
    )


def make_validation(trainee, source, config, strategy):
    """Makes a function without arguments to the `{"loss": ..., "accuracy": ...}` over `source`."""
    data = config.validation_data
    count = data.num_examples or source.num_examples
    if data.input_path:
        count = min(count, source.num_examples)

    dataset = distribute(
        strategy, lambda context: evaluation_dataset(source, data.global_batch_size, count, context)
    )
    # Keras must be told how long a dataset is that is distributed already.
    steps = None
    if not isinstance(dataset, tf.data.Dataset):
        replicas = strategy.num_replicas_in_sync
        steps = math.ceil(count / (math.ceil(data.global_batch_size / replicas) * replicas))
    return lambda: trainee.evaluate(dataset, steps=steps, verbose=0, return_dict=True)


def _check_same_classes(source, validation):
    if list(source.class_names) != list(validation.class_names):
        raise ValueError(
            "Training and validation data must have the same classes in the same order. "
            f"Received: {len(source.class_names)} of {source.name}, "
            f"{len(validation.class_names)} of {validation.name}"
        )


@contextlib.contextmanager
def _precision(dtype):
    """Sets Keras's policy for the layers that are made meanwhile."""
    from official.modeling import performance

    before = tf.keras.mixed_precision.global_policy()
    performance.set_mixed_precision_policy(tf.as_dtype(dtype))
    try:
        yield
    finally:
        tf.keras.mixed_precision.set_global_policy(before)
