"""Figures of a model on held-out clips, each with its interval."""

from rstg_tf.evaluation.data import chance_level, open_test_set
from rstg_tf.evaluation.evaluator import evaluate
from rstg_tf.evaluation.measure import DenseViews, measure
from rstg_tf.evaluation.report import Report, wilson_interval
from rstg_tf.evaluation.subject import Subject, load_subject

__all__ = [
    "DenseViews",
    "Report",
    "Subject",
    "chance_level",
    "evaluate",
    "load_subject",
    "measure",
    "open_test_set",
    "wilson_interval",
]
