"""From the authors' released TensorFlow 1 models to ours."""

from rstg_tf.convert.reference import block_from_reference

__all__ = ["block_from_reference"]
