"""Recurrent Space-time Graph networks (RSTG) for TensorFlow and Keras.

Nicolicioiu, Duta, Leordeanu, "Recurrent Space-time Graph Neural Networks", NeurIPS 2019.

    block = rstg_tf.RSTG(scales=(3, 2, 1), node_dim=512, readout="map")
    features = block(features)                      # [B, T, H, W, C] -> [B, T, H, W, C]
    model = rstg_tf.load_model("interactions_rstg")  # a published model, checksums verified

Importing the package is quick: its parts and TensorFlow are imported when they are first used. As
soon as Keras is imported, the layers are registered with it, so that `keras.models.load_model`
gives the real ones. Where TensorFlow is not installed, the graph (`rstg_tf.graph`) and the data
generators (`rstg_tf.data`) still work.
"""

import sys
import typing

import wrapt

from rstg_tf import lazy
from rstg_tf.registry import import_modules

__version__ = "0.1.0"

_PLACES = {
    "RSTG": "layers",
    "SpaceGraph": "graph",
    "VideoClassifier": "models",
    "list_models": "hub",
    "load_model": "hub.loading",
    "model_info": "hub",
    "list_experiments": "experiments",
    "train": "training",
    "evaluate": "evaluation",
    "Predictor": "prediction",
}
__all__ = sorted(_PLACES)

if typing.TYPE_CHECKING:  # The same for type checkers, which don't run `__getattr__`.
    from rstg_tf.evaluation import evaluate as evaluate
    from rstg_tf.experiments import list_experiments as list_experiments
    from rstg_tf.graph import SpaceGraph as SpaceGraph
    from rstg_tf.hub import list_models as list_models
    from rstg_tf.hub import model_info as model_info
    from rstg_tf.hub.loading import load_model as load_model
    from rstg_tf.layers import RSTG as RSTG
    from rstg_tf.models import VideoClassifier as VideoClassifier
    from rstg_tf.prediction import Predictor as Predictor
    from rstg_tf.training.train import train as train

__getattr__, __dir__ = lazy.attach(__name__, _PLACES)

_REGISTERING = ("keras", "rstg_tf.layers", "rstg_tf.backbones")
_imported: set[str] = set()


def _register_layers(module):
    """Imports the layers once Keras is there and no import of a part of them is under way."""
    _imported.add(module.__name__)
    if _imported.issuperset(sys.modules.keys() & set(_REGISTERING)):
        for package in ("rstg_tf.backbones", "rstg_tf.models"):
            import_modules(package)


for _name in _REGISTERING:
    wrapt.register_post_import_hook(_register_layers, _name)
