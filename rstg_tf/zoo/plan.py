"""What a zoo is to hold, and how far each of its entries has come."""

import difflib
import fnmatch
import pathlib
from typing import Any, NamedTuple

from rstg_tf.experiments import apply_overrides, check, get_experiment, list_experiments
from rstg_tf.experiments.rows import INTERACTIONS, list_tables
from rstg_tf.hub import manifest, records
from rstg_tf.runs.run_folder import RunFolder
from rstg_tf.zoo import completing, publishing, tables

NOT_TRAINED = "not trained"
BEGUN = "training has begun"
TRAINED = "trained, not published"
AT_CHANCE = "trained, not better than chance"
INCOMPLETE = "published, lacks files"
PUBLISHED = "published"


class Plan(NamedTuple):
    """An entry that a zoo is to hold, with its `Experiment` and the folder of its training."""

    name: str
    config: Any
    run: RunFolder
    zoo: pathlib.Path

    @property
    def metrics(self):
        """Path of the `metrics.json` that it is published by."""
        return self.run.path / "evaluations" / "zoo" / "metrics.json"


def make_plans(only="*", size="lite", overrides="", strategy=None, runs="runs", zoo=None):
    """Lists a `Plan` for each experiment that `only` names: wildcards, separated by commas.

    A model that starts from another takes that of the same zoo. A pattern without a match raises a
    `ValueError` that shows the closest names.
    """
    plans, folder, elsewhere = [], manifest.zoo_directory(zoo), manifest.zoo_directory()
    for experiment in _choose(only):
        config = get_experiment(experiment, size)
        config.model.num_classes = None  # Those of Interactions, at paper size, too.
        if strategy:
            config.runtime.distribution_strategy = strategy
        if config.trainer.init_checkpoint and folder.resolve() != elsewhere.resolve():
            # Not from one of the same name there, which may be another model.
            own = folder.resolve() / config.trainer.init_checkpoint
            config.trainer.init_checkpoint = str(own)
        check(apply_overrides(config, overrides or {}))
        name = manifest.entry_name(experiment, size)
        plans.append(Plan(name, config, RunFolder(pathlib.Path(runs) / name), folder))
    return plans


def state_of(plan, num_clips=None):
    """How far an entry has come, as one of the constants above.

    An evaluation on another number of clips than `num_clips` does not count, unless that is None.
    """
    about = manifest.read_manifest(plan.zoo).get(plan.name, {})
    if _is_published(plan, about):
        return INCOMPLETE if completing.lacks(plan.name, plan.zoo) else PUBLISHED
    steps = records.read_progress(plan.run.summary).get("steps", 0)
    if steps < plan.config.trainer.train_steps:
        return BEGUN if plan.run.config.exists() else NOT_TRAINED
    figures = _figures(plan)
    if figures is None or num_clips not in (None, figures["num_clips"]):
        return TRAINED
    return TRAINED if publishing.is_better_than_chance(figures) else AT_CHANCE


def progress_table(plans):
    """Text for a terminal: a line for each plan, and how many are done."""
    import pandas as pd

    states = {plan.name: state_of(plan) for plan in plans}
    table = pd.DataFrame(_row(plan, states[plan.name]) for plan in plans).fillna("")
    done = sum(state == PUBLISHED for state in states.values())
    return f"{table.to_string(index=False)}\n{done} of {len(plans)} are done."


def _row(plan, state):
    about = manifest.read_manifest(plan.zoo).get(plan.name, {})
    published_by = about if _is_published(plan, about) else {}
    summary = records.read_progress(
        plan.zoo / plan.name / "training.json" if published_by else plan.run.summary
    )
    best = summary.get("best_validation") or {}
    figures = published_by.get("figures") or _figures(plan)
    batch, steps = plan.config.train_data.global_batch_size, plan.config.trainer.train_steps
    videos = published_by.get("videos") or summary.get("videos", 0)
    return {
        "entry": plan.name,
        "state": state,
        "videos": f"{videos:,}" if published_by else f"{videos:,} of {batch * steps:,}",
        "minutes": f"{summary.get('minutes', 0):.0f}" if summary else "",
        "validation": f"{100 * best['accuracy']:.1f}" if best else "",
        "test top-1 (95 %)": tables.percent(figures, "top_1") if figures else "",
    }


def _is_published(plan, about):
    wanted = (plan.config.name, plan.config.size)
    return (about.get("experiment"), about.get("size")) == wanted


def _choose(only):
    names, chosen = experiments_in_order(), []
    for pattern in filter(None, only.split(",")):
        found = fnmatch.filter(names, pattern)
        if not found:
            close = difflib.get_close_matches(pattern, names, n=3, cutoff=0.4)
            raise ValueError(
                f"The zoo has no such experiment; the closest are {close or names}. "
                f"Received: {pattern!r}"
            )
        chosen += found
    return [name for name in names if name in chosen]


def experiments_in_order():
    """Names of all experiments: those on Interactions, then in the order of the tables."""
    tables = sorted(list_tables(), key=lambda pair: pair[0].title != INTERACTIONS)
    in_order = [row.experiment for _, rows in tables for row in rows if row.experiment]
    registered = list_experiments()
    return [name for name in in_order if name in registered]


def _figures(plan):
    """The figures of an entry that was measured, else None."""
    return records.read_metrics(plan.metrics)["figures"] if plan.metrics.is_file() else None
