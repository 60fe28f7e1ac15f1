"""Publishing of a training: weights, config, figures and a card, checked before they count."""

import json
import pathlib
import shutil

import numpy as np

from rstg_tf import files
from rstg_tf.evaluation import measure
from rstg_tf.evaluation.data import without_folders
from rstg_tf.evaluation.subject import load_subject
from rstg_tf.hub import manifest, records, saved_model
from rstg_tf.runs import RunFolder
from rstg_tf.zoo import card, saving, store
from rstg_tf.zoo.store import MAX_MEGABYTES, check_size, size_of, without_paths

_METRICS = "metrics.json"
_REPORT = (_METRICS, "per_class.csv", "confusion_matrix.png")


class NotBetterThanChance(ValueError):
    """A model that has not learnt what its data set asks for."""


def publish(
    run_dir,
    name,
    zoo=None,
    metrics=None,
    data=None,
    num_clips=None,
    overwrite=False,
    command=None,
    progress=True,
    max_megabytes=MAX_MEGABYTES,
):
    """Publishes the best checkpoint of a training as an entry of the zoo, whole or not at all.

    The entry is a Keras SavedModel (see `write_saved_model`) with `config.yaml`, `metrics.json`,
    the table and picture of its evaluation, log and summary of its training, an example (see
    `write_example`) and a card `README.md` with pictures. Before it takes its place, it is loaded
    in a fresh process by Keras alone and must predict the same there.

    Args:
        run_dir: folder of the training.
        name: name of the entry.
        zoo: folder of the zoo, see `rstg_tf.list_models`.
        metrics: a `metrics.json` that `pipelines/evaluate.py` wrote for this very training, on
            clips held out of it; by default the model is evaluated here.
        data: the test set where it is evaluated here, see `open_test_set`.
        num_clips: clips of the test set where it is evaluated here.
        overwrite: whether an entry of this name may be replaced.
        command: the command that asks for it, to be recorded.
        progress: whether to show a progress bar while it is evaluated here.
        max_megabytes: how large an entry may be.

    Returns:
        `pathlib.Path` of the entry.

    Raises:
        FileNotFoundError: the folder is no training's, or has no best checkpoint or no figures.
        FileExistsError: there is such an entry and `overwrite` is false.
        NotBetterThanChance: its accuracy is not better than chance by more than its interval.
        ValueError: a name that is no name, weights that are not finite, an entry that is too
            large, or figures of another model or of clips that were not held out.
        OSError: nothing more fits on the disk; nothing is left behind.
        RuntimeError: the SavedModel does not predict the same in a fresh process.
    """

    zoo = manifest.zoo_directory(zoo)
    store.check_free(zoo, name, overwrite)
    run = RunFolder(run_dir)
    run.read_config()
    subject = load_subject(run_dir)
    _check_finite(subject.model, run_dir)
    weights = sum(w.shape.num_elements() * w.dtype.size for w in subject.model.weights)
    check_size(weights, name, max_megabytes)
    summary = _read_summary(run.summary)
    # Another evaluation may write into the folder of this one meanwhile.
    with files.temporary_folder() as folder:
        own = pathlib.Path(folder)
        if metrics is None:
            files.check_room(run_dir)
            store.check_room(zoo, name, weights)
            report, kept = _evaluate(subject, data, num_clips, command, progress)
            report.save(own)
            metrics = report.save(kept)
        else:
            metrics = pathlib.Path(metrics)
            _copy_report(metrics, own)
        figures = records.read_metrics(own / _METRICS)
        _check_metrics(figures, metrics, subject.model)
        _check_better_than_chance(figures["figures"], metrics)

        with store.new_entry(zoo, name, overwrite) as (part, about):
            saving.write_saved_model(subject.model, subject.class_names, part)
            saving.write_example(subject.model, subject.config, part)
            (part / "config.yaml").write_text(_portable(subject.config))
            shutil.copytree(own, part, dirs_exist_ok=True)
            for source, file in ((own / _METRICS, _METRICS), (run.summary, "training.json")):
                (part / file).write_text(without_paths(source.read_text()))
            if run.log.is_file():
                shutil.copyfile(run.log, part / card.LOG)
            card.write_card(part, name, subject.model)
            check_size(size_of(part), name, max_megabytes)
            sample = tuple(figures["data"]["clip_shape"])
            saving.check_in_fresh_process(subject.model, part, sample)
            about |= {
                "experiment": summary["experiment"],
                "size": summary["size"],
                "data": figures["data"]["name"],
                **manifest_of_test_set(figures),
                "parameters": summary["parameters"],
                "streams": subject.model.streams,
                "videos": summary["videos"],
                "started_from": _start(subject.config),
                "figures": figures["figures"],
                "weights_sha256": figures["weights_sha256"],
            }
    return zoo / name


def manifest_of_test_set(metrics):
    """What the manifest says of the test set in `metrics.json`.

    `clip_shape` is `[T, H, W, C]`; figures of entries with the same `test_set` can be compared.
    """
    return {"clip_shape": metrics["data"]["clip_shape"], "test_set": metrics["data"]}


def is_better_than_chance(figures):
    """Whether the whole 95 % interval of top-1 lies above chance.

    Chance is that of a model that has learnt nothing of the task: on SyncMNIST, one over the number
    of pairs.
    """
    return figures["top_1_interval_95"][0] > figures["chance"]


def _check_better_than_chance(figures, path):
    if not is_better_than_chance(figures):
        low, high = figures["top_1_interval_95"]
        raise NotBetterThanChance(
            "A model is published only if it is better than chance by more than its interval. "
            f"Received: top-1 {figures['top_1']:.1%} (95 % interval {low:.1%} ... {high:.1%}), "
            f"chance {figures['chance']:.1%}, in {path}"
        )


def _copy_report(metrics, folder):
    """Copies an evaluation from where others may be writing theirs."""
    if not metrics.is_file():
        raise FileNotFoundError(
            f"Metrics are written by pipelines/evaluate.py. Received: {metrics}"
        )
    with files.locked(metrics.parent):
        records.read_metrics(metrics)
        shutil.copyfile(metrics, folder / _METRICS)
        for file in _REPORT[1:]:
            if metrics.with_name(file).is_file():
                shutil.copyfile(metrics.with_name(file), folder / file)


def _evaluate(subject, data, num_clips, command, progress):
    """Evaluates a training on held-out clips; returns the report and the folder to keep it in."""

    report = measure(subject, data, num_clips=num_clips, command=command, progress=progress)
    about = report.details["data"]
    return report, subject.output / f"{about['name']}-{about['split']}"


def _check_finite(model, run_dir):
    for weight in model.weights:
        if not np.isfinite(weight.numpy()).all():
            raise ValueError(
                f"Weights that are published must be finite numbers. "
                f"Received: {weight.name} of {run_dir} holds NaN or infinity"
            )


def _read_summary(path):
    """Reads what a training says of itself, once it has said which weights are its best."""
    if not records.read_progress(path).get("best_validation"):
        raise FileNotFoundError(
            "A training that was interrupted before its first validation was logged must go on "
            f"before it is published. Received: {path}"
        )
    return records.read_summary(path)


def _check_metrics(metrics, path, model):
    """Checks that figures are this model's, on clips it has not seen."""
    owner, held_out = metrics["weights_sha256"], metrics["held_out"]
    if owner != saved_model.weights_checksum(model):
        raise ValueError(
            f"Metrics must be of the weights that are published. Received: {path}, of another model"
        )
    if not held_out:
        raise ValueError(
            f"Metrics must be of clips that the model was not made with. "
            f"Received: {path}, of the split {metrics['data']['split']!r}"
        )


def _start(config):
    """What a training started from, without the path to it; None for random weights."""
    return pathlib.PurePath(config.trainer.init_checkpoint).name or None


def _portable(config):
    """The config as YAML, with the names of files in place of this machine's paths."""
    import yaml

    tree = json.loads(json.dumps(config.as_dict()))
    tree["trainer"]["init_checkpoint"] = _start(config) or ""
    for data in (tree["train_data"], tree["validation_data"]):
        data["input_path"] = pathlib.PurePath(data["input_path"]).name
        kind = data["source"]["type"]
        data["source"][kind] = without_folders(data["source"][kind])
    return yaml.safe_dump(tree, sort_keys=False, default_flow_style=None)
