"""What a model's predictions on a test set are worth."""

import dataclasses
import functools
import json
import pathlib
import warnings

import numpy as np

from rstg_tf import files
from rstg_tf.text import printable
from rstg_tf.visualize import save_png, text_as_it_is

CONFIDENCE = 0.95
_MOST_NAMES = 250  # Of classes that are written beside the confusion matrix.


@dataclasses.dataclass(frozen=True)
class Report:
    """Figures, tables and pictures of one evaluation.

    Args:
        class_names: names of the classes, in the order of the logits.
        labels: int array `[n]`, the true class of each clip.
        scores: float array `[n, classes]`, the model's logits or probabilities.
        twins: pairs of class indices `(a, b)` that differ in the order of time only.
        no_pair: index of SyncMNIST's class "no pair is synchronous", or None.
        chance: accuracy of the best model that has learnt nothing of what the data set asks.
        details: what was evaluated and how, to be written beside the figures: a dict for JSON.
    """

    class_names: tuple
    labels: np.ndarray
    scores: np.ndarray
    twins: tuple = ()
    no_pair: int | None = None
    chance: float = 0.0
    details: dict = dataclasses.field(default_factory=dict)

    @functools.cached_property
    def predictions(self):
        """int array `[n]`, the class of the highest score."""
        return self.scores.argmax(axis=1)

    @functools.cached_property
    def figures(self):
        """Dict of the figures: accuracies as fractions, intervals as `[low, high]`."""
        from sklearn import metrics

        figures = {"num_clips": len(self.labels)}
        figures |= _rate("top_1", self.predictions == self.labels)
        figures |= _rate("top_5", _in_top(self.scores, self.labels, 5))
        figures["macro_f1"] = float(
            metrics.f1_score(self.labels, self.predictions, average="macro", zero_division=0.0)
        )
        figures["cohen_kappa"] = _cohen_kappa(self.labels, self.predictions)
        figures["chance"] = self.chance
        if self.twins:
            figures |= _rate("within_pair", self._right_of_twins[np.isin(self.labels, self.twins)])
        if self.no_pair is not None:
            asked = self.labels == self.no_pair
            figures |= _rate("no_pair", self.predictions[asked] == self.no_pair)
            figures["no_pair_num_clips"] = int(asked.sum())
        return figures

    @functools.cached_property
    def per_class(self):
        """`pandas.DataFrame` with a row a class: clips, precision, recall, F1, worst confusion."""
        import pandas as pd
        from sklearn import metrics

        precision, recall, f1, clips = metrics.precision_recall_fscore_support(
            self.labels,
            self.predictions,
            labels=range(len(self.class_names)),
            zero_division=0.0,
        )
        table = pd.DataFrame(
            {
                "class": self.class_names,
                "clips": clips,
                "precision": precision,
                "recall": recall,
                "f1": f1,
            }
        )
        if self.twins:
            table["within_pair"] = [
                self._right_of_twins[self.labels == index].mean() if count else float("nan")
                for index, count in enumerate(clips)
            ]
        wrong = self.confusion * (1 - np.eye(len(self.class_names), dtype=np.int64))
        table["mostly_taken_for"] = [
            self.class_names[row.argmax()] if row.any() else "" for row in wrong
        ]
        return table

    @functools.cached_property
    def confusion(self):
        """int array `[classes, classes]`: clips of the row's class predicted as the column's."""
        from sklearn import metrics

        return metrics.confusion_matrix(
            self.labels, self.predictions, labels=range(len(self.class_names))
        )

    @functools.cached_property
    def _right_of_twins(self):
        """bool `[n]`: whether the true class scores higher than its twin."""
        twin = np.arange(len(self.class_names))
        for one, other in self.twins:
            twin[[one, other]] = other, one
        rows = np.arange(len(self.labels))
        return self.scores[rows, self.labels] > self.scores[rows, twin[self.labels]]

    def plot_confusion(self, ax=None):
        """Draws the confusion matrix, each row as fractions of its class.

        Args:
            ax: matplotlib axes to draw on; a new figure where it is missing. Of more than 250
                classes it has the numbers for the names.

        Returns:
            The axes.
        """
        return self._plot_confusion(ax, named=len(self.class_names) <= _MOST_NAMES)

    def _plot_confusion(self, ax, named):
        from matplotlib.figure import Figure

        count = len(self.class_names)
        names, properties = text_as_it_is(self.class_names if named else [])
        if ax is None:
            side = 3.0 + 0.22 * min(count, _MOST_NAMES)
            side += 0.06 * max(0, max(map(len, names), default=0) - 35)
            ax = Figure(figsize=(side, side), layout="constrained").add_subplot()
        rows = self.confusion / np.maximum(self.confusion.sum(axis=1, keepdims=True), 1)
        image = ax.imshow(rows, cmap="Blues", vmin=0.0, vmax=1.0)
        if named:
            ax.set_xticks(range(count), names, rotation=90, fontsize=7, **properties)
            ax.set_yticks(range(count), names, fontsize=7, **properties)
        ax.set_xlabel("predicted")
        ax.set_ylabel("true")
        ax.set_title(f"{len(self.labels):,} clips, top-1 {self.figures['top_1']:.1%}", fontsize=9)
        ax.figure.colorbar(image, ax=ax, shrink=0.6)
        return ax

    def save(self, directory):
        """Writes `metrics.json`, `per_class.csv` and `confusion_matrix.png` into a folder.

        Args:
            directory: folder, made where it is missing. `metrics.json` comes last, so a folder
                that has it has the other two.

        Returns:
            Path of `metrics.json`.
        """
        directory = pathlib.Path(directory)
        directory.mkdir(parents=True, exist_ok=True)
        table = {"index": False, "float_format": "%.4f", "errors": "backslashreplace"}
        content = json.dumps({**self.details, "figures": self.figures}, indent=2) + "\n"
        with files.locked(directory):  # The three are of one evaluation.
            with files.written_whole(directory / "confusion_matrix.png") as part:
                self._save_confusion(part)
            with files.written_whole(directory / "per_class.csv") as part:
                self.per_class.to_csv(part, **table)
            with files.written_whole(directory / "metrics.json") as part:
                part.write_text(content)
        return directory / "metrics.json"

    def _save_confusion(self, path):
        try:
            save_png(self.plot_confusion().figure, path, dpi=110)
        except (ValueError, RuntimeError, ArithmeticError) as error:
            # Names and fonts of others must not cost the figures.
            warnings.warn(
                f"The confusion matrix is drawn without names of classes ({printable(error)})",
                stacklevel=3,
            )
            save_png(self._plot_confusion(None, named=False).figure, path, dpi=110)

    def __str__(self):
        """The figures and the table of classes, for a terminal."""
        lines = [f"{self.figures['num_clips']:,} clips, chance {self.chance:.1%}"]
        for name, text in _ROWS.items():
            if self.figures.get(name) is not None:
                value, interval = self.figures[name], self.figures.get(f"{name}_interval_95")
                line = f"{text:<28}{value:8.4f}"
                lines.append(
                    f"{line}   95% {interval[0]:.4f} ... {interval[1]:.4f}" if interval else line
                )
        shown = {
            column: self.per_class[column].map(printable)
            for column in ("class", "mostly_taken_for")
        }
        table = self.per_class.assign(**shown)
        table = table.to_string(index=False, float_format=lambda value: f"{value:.3f}")
        return "\n".join([*lines, "", table])


_ROWS = {
    "top_1": "top-1 accuracy",
    "top_5": "top-5 accuracy",
    "within_pair": "accuracy within pairs",
    "no_pair": 'accuracy on "no pair"',
    "macro_f1": "macro-F1",
    "cohen_kappa": "Cohen's kappa",
}


def wilson_interval(hits, trials):
    """Wilson's 95 % interval of a proportion.

    Args:
        hits: number of successes.
        trials: number of trials.

    Returns:
        `(low, high)`; `(0, 1)` where there was no trial.
    """
    from scipy import stats

    if not trials:
        return 0.0, 1.0
    interval = stats.binomtest(int(hits), int(trials)).proportion_ci(CONFIDENCE, "wilson")
    return float(interval.low), float(interval.high)


def _rate(name, hits):
    """A proportion and its interval; None where no clip asks for it."""
    value = float(hits.mean()) if len(hits) else None
    return {name: value, f"{name}_interval_95": wilson_interval(hits.sum(), len(hits))}


def _in_top(scores, labels, count):
    """Whether fewer than `count` classes score higher than the true one: bool `[n]`."""
    own = np.take_along_axis(scores, labels[:, None], axis=1)
    return (scores > own).sum(axis=1) < count


def _cohen_kappa(labels, predictions):
    """Cohen's kappa; 0 where it is undefined because labels and predictions are one class."""
    from sklearn import metrics

    if len(np.union1d(labels, predictions)) < 2:
        return 0.0
    return float(metrics.cohen_kappa_score(labels, predictions))
