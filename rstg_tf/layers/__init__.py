"""Keras layers of the RSTG block; each file holds one idea."""

from rstg_tf.layers.bottleneck import Bottleneck
from rstg_tf.layers.gather import GatherMessages
from rstg_tf.layers.non_local import NonLocal
from rstg_tf.layers.normalization import ClipNormalization
from rstg_tf.layers.regions import RegionPooling, RegionUnpooling
from rstg_tf.layers.rstg import RSTG
from rstg_tf.layers.send import SendMessages
from rstg_tf.layers.space_stage import SpaceStage
from rstg_tf.layers.time_stage import TimeStage
from rstg_tf.layers.update import UpdateNodes
from rstg_tf.layers.video_convolution import VideoConvolution

__all__ = [
    "RSTG",
    "Bottleneck",
    "ClipNormalization",
    "GatherMessages",
    "NonLocal",
    "RegionPooling",
    "RegionUnpooling",
    "SendMessages",
    "SpaceStage",
    "TimeStage",
    "UpdateNodes",
    "VideoConvolution",
]
