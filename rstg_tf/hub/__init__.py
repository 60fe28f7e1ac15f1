"""Published models, read: found, checked against their checksums, loaded."""

from rstg_tf.hub.loading import list_models, load_model

__all__ = ["list_models", "load_model"]
