import json

import numpy as np
import pandas as pd
import pytest
from sklearn import metrics

from rstg_tf.evaluation import Report, wilson_interval

NAMES = ("up", "down", "left", "right", "no pair")


def random_report(**kwargs):
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 5, 200)
    scores = rng.normal(size=(200, 5)) + 1.5 * np.eye(5)[labels]
    return Report(NAMES, labels, scores, **kwargs)


def test_figures_agree_with_their_definitions():
    report = random_report()
    figures, predictions = report.figures, report.scores.argmax(1)
    assert figures["num_clips"] == 200
    assert figures["top_1"] == np.mean(predictions == report.labels)
    assert figures["top_5"] == 1.0
    assert figures["macro_f1"] == pytest.approx(
        np.mean(
            [
                2
                * np.sum((predictions == c) & (report.labels == c))
                / (np.sum(predictions == c) + np.sum(report.labels == c))
                for c in range(5)
            ]
        )
    )
    assert figures["cohen_kappa"] == pytest.approx(
        metrics.cohen_kappa_score(report.labels, predictions)
    )


def test_top_5_counts_the_true_class_among_the_five_highest():
    scores = np.tile(np.arange(8.0), (8, 1))
    report = Report([str(c) for c in range(8)], np.arange(8), scores)
    assert report.figures["top_5"] == 5 / 8
    assert report.figures["top_1"] == 1 / 8


def test_wilson_interval_is_the_textbook_one():
    # Newcombe 1998, table I: 81 of 263, and no success in 20.
    assert wilson_interval(81, 263) == pytest.approx((0.2553, 0.3662), abs=5e-5)
    assert wilson_interval(0, 20) == pytest.approx((0.0, 0.1611), abs=5e-5)
    assert wilson_interval(0, 0) == (0.0, 1.0)


def test_within_pairs_only_the_twin_competes():
    labels = np.array([0, 1, 2, 3, 4])
    scores = np.array(
        [
            [1.0, 0.0, 9.0, 0.0, 0.0],  # Another pair wins, but not the twin: right.
            [2.0, 1.0, 0.0, 0.0, 0.0],  # The twin wins: wrong.
            [0.0, 0.0, 1.0, 0.0, 0.0],
            [0.0, 0.0, 2.0, 1.0, 0.0],
            [0.0, 0.0, 0.0, 0.0, 0.0],  # Has no twin, so it does not count.
        ]
    )
    report = Report(NAMES, labels, scores, twins=((0, 1), (2, 3)))
    assert report.figures["within_pair"] == 0.5
    assert report.figures["within_pair_interval_95"] == wilson_interval(2, 4)
    assert report.per_class["within_pair"].tolist()[:4] == [1.0, 0.0, 1.0, 0.0]


def test_no_pair_is_counted_alone():
    labels = np.array([4, 4, 4, 0])
    scores = np.eye(5)[[4, 4, 0, 0]]
    figures = Report(NAMES, labels, scores, no_pair=4).figures
    assert figures["no_pair"] == pytest.approx(2 / 3)
    assert figures["no_pair_num_clips"] == 3
    report = Report(NAMES, np.array([0]), np.eye(5)[[0]], no_pair=4)
    assert "no pair" not in str(report).split("\n\n")[0]
    none = report.figures
    assert none["no_pair"] is None
    assert none["no_pair_num_clips"] == 0


def test_per_class_table_and_confusion_matrix():
    labels = np.array([0, 0, 0, 1])
    report = Report(("a", "b", "never"), labels, np.eye(3)[[0, 1, 1, 1]])
    assert report.confusion.tolist() == [[1, 2, 0], [0, 1, 0], [0, 0, 0]]
    table = report.per_class.set_index("class")
    assert table.clips.tolist() == [3, 1, 0]
    assert table.recall.tolist() == [pytest.approx(1 / 3), 1.0, 0.0]
    assert table.precision.tolist() == [1.0, pytest.approx(1 / 3), 0.0]
    assert table.mostly_taken_for.tolist() == ["b", "", ""]


def test_one_class_only_has_a_kappa():
    report = Report(("a", "b"), np.array([0, 0]), np.eye(2)[[0, 0]])
    assert report.figures["cohen_kappa"] == 0.0


def test_save_writes_what_the_report_says(tmp_path):
    report = random_report(twins=((0, 1), (2, 3)), no_pair=4, details={"command": "this"})
    path = report.save(tmp_path / "new" / "folder")
    written = json.loads(path.read_text())
    assert written["command"] == "this"
    assert written["figures"]["top_1"] == report.figures["top_1"]
    assert pd.read_csv(path.with_name("per_class.csv"))["class"].tolist() == list(NAMES)
    assert path.with_name("confusion_matrix.png").read_bytes().startswith(b"\x89PNG")
    assert sorted(p.name for p in path.parent.iterdir()) == [
        "confusion_matrix.png",
        "metrics.json",
        "per_class.csv",
    ]
    assert "accuracy within pairs" in str(report)


@pytest.mark.parametrize(
    "name", [r"$\frac$", "costs $5 to $6", "a_{b", "x" * 500, "日本", "a\nb\x1b[2J"]
)
@pytest.mark.filterwarnings("ignore:No font that is installed")
def test_odd_names_cost_no_figures(name, tmp_path):
    labels = np.array([0, 1])
    report = Report((name, "b"), labels, np.eye(2)[labels])
    assert json.loads(report.save(tmp_path).read_text())["figures"]["top_1"] == 1.0
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "confusion_matrix.png",
        "metrics.json",
        "per_class.csv",
    ]
    assert pd.read_csv(tmp_path / "per_class.csv")["class"].tolist() == [name, "b"]
    ticks = report.plot_confusion().get_yticklabels()
    assert not ticks[0].get_parse_math()
    assert all(line.isprintable() for line in str(report).split("\n"))


def test_many_classes_have_numbers_beside_the_matrix(tmp_path):
    labels = np.arange(400)
    report = Report([f"class {label}" for label in labels], labels, np.eye(400))
    width, height = report.plot_confusion().figure.get_size_inches()
    assert max(width, height) < 60  # More pixels than a file may have, for some thousands.
    assert "class 3" not in [tick.get_text() for tick in report.plot_confusion().get_xticklabels()]


def test_a_picture_that_fails_costs_no_figures(tmp_path, monkeypatch):
    def fail(names):
        if len(names):
            raise RuntimeError("this font is damaged")
        return [], {}

    monkeypatch.setattr("rstg_tf.evaluation.report.text_as_it_is", fail)
    with pytest.warns(UserWarning, match="drawn without names of classes .this font is damaged"):
        random_report().save(tmp_path)
    assert len(list(tmp_path.iterdir())) == 3
