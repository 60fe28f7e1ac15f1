"""Models for servers: exports for TensorFlow Serving and a client of it."""

from rstg_tf.serving.client import Answer, Client
from rstg_tf.serving.edge import export_onnx, export_tflite
from rstg_tf.serving.errors import (
    NotTrusted,
    RequestRefused,
    ServerTimeout,
    ServerUnavailable,
    WrongAnswer,
)
from rstg_tf.serving.exporting import export_model
from rstg_tf.serving.settings import Settings, settings_of

__all__ = [
    "Answer",
    "Client",
    "NotTrusted",
    "RequestRefused",
    "ServerTimeout",
    "ServerUnavailable",
    "Settings",
    "WrongAnswer",
    "export_model",
    "export_onnx",
    "export_tflite",
    "settings_of",
]
