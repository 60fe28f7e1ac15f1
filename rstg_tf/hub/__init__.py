"""Published models, read: listed, checked against their checksums, loaded.

`rstg_tf.hub.loading` needs TensorFlow, the rest does not.
"""

from rstg_tf.hub.entries import ModelInfo, list_models, model_info

__all__ = ["ModelInfo", "list_models", "model_info"]
