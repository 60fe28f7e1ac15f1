"""Recurrent Space-time Graph networks (RSTG) for TensorFlow and Keras.

Nicolicioiu, Duta, Leordeanu, "Recurrent Space-time Graph Neural Networks", NeurIPS 2019.

    block = rstg_tf.RSTG(scales=(3, 2, 1), node_dim=512, head="map")
    features = block(features)                      # [B, T, H, W, C] -> [B, T, H, W, C]
    model = rstg_tf.load_model("interactions_rstg")  # a published model, checksums verified

Importing the package registers its layers with Keras and needs TensorFlow and NumPy only. Where
TensorFlow is not installed, the graph (`rstg_tf.graph`) and the data generators (`rstg_tf.data`)
still import.
"""

import importlib.util

from rstg_tf.graph import SpaceGraph

__version__ = "0.1.0"
__all__ = ["RSTG", "SpaceGraph", "list_models", "load_model"]

if importlib.util.find_spec("tensorflow") is not None:
    from rstg_tf.layers import RSTG
    from rstg_tf.models import VideoClassifier
    from rstg_tf.zoo import list_models, load_model

    __all__ += ["VideoClassifier"]
