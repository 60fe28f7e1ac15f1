"""What models see in videos."""

from rstg_tf.prediction.annotation import write_annotated
from rstg_tf.prediction.predictor import ClassProbability, Prediction, Predictor
from rstg_tf.prediction.video_files import find_videos

__all__ = ["ClassProbability", "Prediction", "Predictor", "find_videos", "write_annotated"]
