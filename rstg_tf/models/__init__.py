"""Video classifiers: a backbone, a head over space and time, a linear classifier."""

from rstg_tf.models.average_head import AverageHead
from rstg_tf.models.sequence_head import SequenceHead
from rstg_tf.models.video_classifier import VideoClassifier

__all__ = ["AverageHead", "SequenceHead", "VideoClassifier"]
