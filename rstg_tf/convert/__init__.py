"""From the authors' released TensorFlow 1 code to Keras."""

from rstg_tf.convert.block import block_from_reference
from rstg_tf.convert.flags import EXPERIMENTS
from rstg_tf.convert.network import FloatNetwork, from_tf1_checkpoint, load_backbone

__all__ = [
    "EXPERIMENTS",
    "FloatNetwork",
    "block_from_reference",
    "from_tf1_checkpoint",
    "load_backbone",
]
