"""The zoo from its experiments: each trained, measured, published, and given its notebook."""

import contextlib
import logging
import time

import tensorflow as tf

from rstg_tf.evaluation import measure
from rstg_tf.evaluation.subject import load_subject
from rstg_tf.files import check_room, check_temporary_room
from rstg_tf.hub import records, saved_model
from rstg_tf.training import train
from rstg_tf.zoo import completing, notebook, plan, publishing, tables

NUM_CLIPS = 5_000
_LOG = logging.getLogger(__name__)


def build(plans, minutes=None, num_clips=NUM_CLIPS, notebooks=True, command=None, progress=True):
    """Takes every entry on from where it is, and remakes the tables of the zoo's `README.md`.

    It can be stopped at any moment and called again; what is done is not repeated. `minutes` limits
    all training together; a training that is cut short resumes with the next call. Returns a dict
    from failed entries to reasons; a model no better than chance is not published, but is no
    failure.
    """
    check_temporary_room()
    for zoo in {entry.zoo for entry in plans}:
        check_room(zoo)
    budget, failed = _Budget(minutes), {}
    for entry in plans:
        try:
            _train(entry, budget, num_clips)
            _publish(entry, num_clips, command, progress)
            _complete(entry, notebooks, progress)
        except publishing.NotBetterThanChance as error:
            _LOG.warning("%s: not published: %s", entry.name, error)
        except (ValueError, OSError, ArithmeticError, RuntimeError, tf.errors.OpError) as error:
            failed[entry.name] = str(error)
            _LOG.warning("%s: failed: %s", entry.name, error)
        finally:
            tf.keras.backend.clear_session()
        tables.refresh(entry.zoo)
    return failed


class _Budget:
    """Minutes left for training; None is without end."""

    def __init__(self, minutes):
        self.minutes = minutes

    @contextlib.contextmanager
    def spent(self):
        """What is done within is taken off it, also where it fails."""
        begun = time.monotonic()
        try:
            yield
        finally:
            if self.minutes is not None:
                self.minutes -= (time.monotonic() - begun) / 60


def _train(entry, budget, num_clips):
    """Trains an entry that is not trained, if there is time left."""
    state = plan.state_of(entry, num_clips)
    if state == plan.TRAINED:
        # It is only checked for having these settings.
        train(entry.config, entry.run.path)
    elif state in (plan.NOT_TRAINED, plan.BEGUN) and (budget.minutes is None or budget.minutes > 0):
        _LOG.warning("%s: training", entry.name)
        with budget.spent():
            train(entry.config, entry.run.path, budget.minutes)


def _publish(entry, num_clips, command, progress):
    """Measures and publishes an entry that is trained."""
    if plan.state_of(entry, num_clips) != plan.TRAINED:
        return
    _LOG.warning("%s: evaluation on %s clips", entry.name, f"{num_clips:,}")
    metrics = _evaluate(entry, num_clips, command, progress)
    publishing.publish(entry.run.path, entry.name, entry.zoo, metrics=metrics)
    _LOG.warning("%s: published", entry.name)


def _complete(entry, notebooks, progress):
    """Gives a published entry the files that it lacks."""
    if plan.state_of(entry) == plan.INCOMPLETE:
        missing = completing.lacks(entry.name, entry.zoo)
        files = [file for file in missing if notebooks or file != notebook.FILE_NAME]
        if files:
            _LOG.warning("%s: %s", entry.name, " and ".join(files))
            completing.complete(
                entry.name, files, entry.zoo, config=entry.config, progress=progress
            )


def _evaluate(entry, num_clips, command, progress):
    """Path of the `metrics.json` of an entry, made where it is not there for these weights."""
    subject = load_subject(entry.run.path)
    if entry.metrics.is_file():
        made = records.read_metrics(entry.metrics)
        of_this_model = made["weights_sha256"] == saved_model.weights_checksum(subject.model)
        if of_this_model and made["figures"]["num_clips"] == num_clips:
            return entry.metrics
    check_room(entry.metrics.parent)
    report = measure(subject, num_clips=num_clips, command=command, progress=progress)
    return report.save(entry.metrics.parent)
