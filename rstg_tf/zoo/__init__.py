"""Published models, written: publishing, the zoo's tables, cards and notebooks."""

from rstg_tf.zoo.conversion import publish_conversion
from rstg_tf.zoo.publishing import publish

__all__ = ["publish", "publish_conversion"]
