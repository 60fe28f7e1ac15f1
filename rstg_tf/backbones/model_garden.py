"""RSTG blocks inside of the video backbones of TensorFlow Model Garden."""

import tensorflow as tf

from rstg_tf.layers import RSTG


@tf.keras.utils.register_keras_serializable("rstg_tf")
class EndpointModel(tf.keras.Model):
    """A functional model from clips to a dict of maps, as Model Garden wants its backbones."""

    @property
    def output_specs(self):
        """A dict from endpoint to the shape of its map."""
        return {name: tensor.shape for name, tensor in self.output.items()}


def add_rstg(backbone, endpoint, **options):
    """Puts an RSTG block after a stage of a backbone; the later stages continue from its output.

    The backbone stays as it is, and the new one shares its layers and weights. A fresh block is
    the identity, so trained weights go on giving what they gave. Blocks at several stages come from
    several calls, in any order.

    Args:
        backbone: a functional Keras model from clips `[B, T, H, W, C]` to a dict of endpoints in
            the order of depth, such as Model Garden's `ResNet3D`, or what this function returned.
        endpoint: key of the stage after which the block stands: `"2"` to `"5"` with `ResNet3D`.
        **options: arguments of `rstg_tf.RSTG` besides `readout`, which is `"map"`.

    Returns:
        A Keras model from clips to the same endpoints, that of `endpoint` behind the block, with
        `output_specs` as Model Garden's models want it. The block is its layer
        `get_layer(f"rstg_{endpoint}")` if `options` have no `name`.

    Raises:
        ValueError: the backbone has no such endpoint, or is no functional model with endpoints.

    Example:
    >>> from official.vision.modeling.backbones.resnet_3d import ResNet3D
    >>> kernels = [[3, 3, 3], [3, 1, 3, 1], [3, 1, 3, 1, 3, 1], [1, 3, 1]]
    >>> backbone = add_rstg(ResNet3D(50, [1, 1, 1, 1], kernels), "3", node_dim=256, message_dim=256)
    """
    endpoints = getattr(backbone, "output", None)
    if not isinstance(endpoints, dict):
        raise ValueError(
            "The backbone must be a functional Keras model from clips to a dict of endpoints. "
            f"Received: {backbone!r}"
        )
    if endpoint not in endpoints:
        raise ValueError(
            f"`endpoint` must be one of {list(endpoints)}. Received: endpoint={endpoint!r}"
        )
    names = list(endpoints)
    later = names[names.index(endpoint) + 1 :]
    block = RSTG(**{"name": f"rstg_{endpoint}", **options}, readout="map")
    outputs = {**endpoints, endpoint: block(endpoints[endpoint])}
    if later:
        rest = tf.keras.Model(endpoints[endpoint], {name: endpoints[name] for name in later})
        # Not `rest(...)`: its layers become the new model's own, so that blocks can go between.
        outputs.update(rest.call(outputs[endpoint]))
    return EndpointModel(backbone.input, outputs, name=backbone.name)
