"""What a model consists of and what it costs, read off the model itself."""

from rstg_tf.describe.description import Description, Stage, describe
from rstg_tf.describe.drawing import draw
from rstg_tf.describe.multiply_adds import multiply_adds

__all__ = ["Description", "Stage", "describe", "draw", "multiply_adds"]
