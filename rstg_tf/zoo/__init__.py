"""Published models: listing, loading and publishing them."""

from rstg_tf.hub.loading import list_models, load_model
from rstg_tf.zoo.conversion import publish_conversion
from rstg_tf.zoo.publishing import publish

__all__ = ["list_models", "load_model", "publish", "publish_conversion"]
