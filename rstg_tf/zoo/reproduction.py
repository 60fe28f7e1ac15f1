"""The figures of a zoo measured again, from its published models alone and on other clips."""

import pathlib
from typing import NamedTuple

from rstg_tf.evaluation import measure
from rstg_tf.evaluation.subject import load_subject
from rstg_tf.files import check_room
from rstg_tf.hub import manifest, records
from rstg_tf.zoo.tables import percent

SEED = 3_000_000  # Training, validation, card and notebook take others.
NUM_CLIPS = 5_000
_FIGURES = ("top_1", "top_5", "within_pair", "no_pair")


class Move(NamedTuple):
    """A figure that moved by more than its interval, with all figures of both measurements."""

    name: str
    figure: str
    published: dict
    measured: dict

    def __str__(self):
        """The move in words."""
        before, now = (percent(f, self.figure) for f in (self.published, self.measured))
        return f"{self.name}: {self.figure} was {before} and is {now}"


def measure_again(
    name,
    zoo=None,
    num_clips=NUM_CLIPS,
    seed=SEED,
    output="runs/reproduction",
    mnist_path=None,
    command=None,
    progress=True,
):
    """Measures a published model on clips of a fresh seed; returns figures as in `metrics.json`.

    An evaluation of these weights, seed and number of clips in `output/NAME/` is reused. Raises
    `ValueError` if the entry is damaged, or was measured on shards or with other digits.
    """
    about = manifest.read_manifest(zoo)[name]
    test_set = records.read_metrics(manifest.zoo_directory(zoo) / name / "metrics.json")["data"]
    if "generator" not in test_set:
        raise ValueError(
            f"Fresh clips can be had of a generator only. Received: {name}, measured on shards "
            f"{test_set.get('shards')!r}; pipelines/evaluate.py measures it on a copy of them"
        )
    output = pathlib.Path(output) / name
    figures = _read(output / "metrics.json", about["weights_sha256"], seed, num_clips)
    if figures is not None:
        return figures
    check_room(output)
    with_digits = mnist_path and test_set["generator"] == "syncmnist"
    report = measure(
        load_subject(name, zoo),
        data=f"syncmnist:mnist_path={mnist_path}" if with_digits else None,
        num_clips=num_clips,
        seed=seed,
        command=command,
        progress=progress,
    )
    if report.details["data"].get("digits") != test_set.get("digits"):
        raise ValueError(
            f"{name} must be measured with digits of {test_set.get('digits')!r}; name their file "
            f"(--mnist-path). Received: digits of {report.details['data'].get('digits')!r}"
        )
    report.save(output)
    return report.figures


def moved(name, published, measured):
    """Lists a `Move` for each figure whose two 95 % intervals do not overlap.

    Test sets are finite: of figures that did not change, one in 180 moves by chance.
    """
    return [
        Move(name, figure, published, measured)
        for figure in _FIGURES
        if published.get(figure) is not None and not _overlap(figure, published, measured)
    ]


def _overlap(figure, *both):
    (low, high), (other_low, other_high) = (f[f"{figure}_interval_95"] for f in both)
    return low <= other_high and other_low <= high


def _read(path, weights_sha256, seed, num_clips):
    """The figures of an evaluation that was made before, or None where it is another one."""
    if not path.is_file():
        return None
    metrics = records.read_metrics(path)
    made = (metrics["weights_sha256"], metrics["data"].get("seed"), metrics["figures"]["num_clips"])
    return metrics["figures"] if made == (weights_sha256, seed, num_clips) else None
