"""Figures of a model on held-out clips, each with its interval."""

from rstg_tf.evaluation.evaluator import evaluate
from rstg_tf.evaluation.measure import measure
from rstg_tf.evaluation.report import Report, wilson_interval

__all__ = ["Report", "evaluate", "measure", "wilson_interval"]
