"""Models for servers: exports for TensorFlow Serving and a client of it."""

from rstg_tf.serving.client import Client
from rstg_tf.serving.exporting import export_model
from rstg_tf.serving.settings import Settings

__all__ = ["Client", "Settings", "export_model"]
