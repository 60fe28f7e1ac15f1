"""What models see in video files."""

from rstg_tf.prediction.annotation import write_annotated
from rstg_tf.prediction.predictor import Prediction, Predictor
from rstg_tf.prediction.video_files import find_videos

__all__ = ["Prediction", "Predictor", "find_videos", "write_annotated"]
