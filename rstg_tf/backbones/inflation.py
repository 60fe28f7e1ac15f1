"""From an image network to a video network: kernels repeated along time."""

import os
import re

import numpy as np
import tensorflow as tf

from rstg_tf.layers.bottleneck import Bottleneck

# Options with which `VideoResNet` has the strides and the padding of `tf.keras.applications`.
KERAS_GEOMETRY = {"stride_place": "first", "res5_stride": 2, "pool_padding": 1}
_KERAS_EPSILON = 1.001e-5
_NORMALIZATION = "gamma", "beta", "moving_mean", "moving_variance"


def inflate(image_network, backbone):
    """Fills the convolutions of a video ResNet with those of an image ResNet-50.

    A 2-D kernel `[h, w, C, F]` is repeated over `t` steps and divided by `t`, so that a clip which
    repeats one image gives what the image gives (Carreira and Zisserman, CVPR 2017, section 2.1);
    zero padding makes the first and last frames differ where kernels reach over them. RSTG and
    non-local blocks stay as they are: fresh ones are the identity.

    The features are those of `tf.keras.applications.ResNet50` for a backbone with its geometry,
    `VideoResNet(**KERAS_GEOMETRY)`. By default `VideoResNet` has the stride of a stage in the
    middle convolution and not in the first, keeps the size in `res5`, and does not pad before the
    first pool: the weights fit as well, and train from there. Frames must be scaled as the image
    network learnt them, which `tf.keras.applications.resnet.preprocess_input` does for the weights
    of Keras.

    Args:
        image_network: a Keras model with the layer names of `tf.keras.applications.ResNet50`
            (`conv1_conv`, `conv1_bn`, `conv2_block1_0_conv`, ... `conv5_block3_3_bn`), or the path
            of an HDF5 file (`.h5`) of its weights. What comes after its last stage is not used.
        backbone: a `rstg_tf.backbones.VideoResNet`, built or not; it is changed in place.

    Raises:
        ValueError: a layer is missing, one too many, or of another shape; then nothing is changed.

    Example:
    >>> image_network = tf.keras.applications.ResNet50(weights=None, include_top=False)
    >>> backbone = VideoResNet(graphs=("res3", "res4"))
    >>> inflate(image_network, backbone)
    """
    if isinstance(image_network, (str, os.PathLike)):
        layers = _read_file(os.fspath(image_network))
    else:
        layers = _read_model(image_network)
    pairs = _pairs(backbone)
    _check_names(layers, {name for pair in pairs for name in pair[:2]})
    if not backbone.built:
        channels = layers["conv1_conv"]["kernel"].shape[2]
        backbone(tf.keras.Input((None, None, None, channels)))
    assignments = [
        assignment
        for convolution, normalization, target in pairs
        for assignment in _assignments(layers, convolution, normalization, target)
    ]
    for variable, value in assignments:
        variable.assign(value)


def _read_model(model):
    """A dict from layer to its arrays by name; normalisations also have their `epsilon`."""
    layers = {}
    for layer in model.layers:
        arrays = zip(layer.weights, layer.get_weights(), strict=True)
        layers[layer.name] = {_last(weight.name): array for weight, array in arrays}
        if hasattr(layer, "epsilon"):
            layers[layer.name]["epsilon"] = layer.epsilon
    return layers


def _read_file(path):
    """The same from a file, which says nothing about epsilon."""
    import h5py

    with h5py.File(path, "r") as file:
        groups = file.get("model_weights", file)  # The former where the whole model was saved.
        if "layer_names" not in groups.attrs:
            raise ValueError(
                "Image weights must be an HDF5 file of `model.save_weights('NAME.h5')` or "
                f"`model.save('NAME.h5')`. Received: {path}"
            )
        return {
            layer: {_last(name): group[name][()] for name in _texts(group.attrs["weight_names"])}
            for layer, group in (
                (name, groups[name]) for name in _texts(groups.attrs["layer_names"])
            )
        }


def _texts(names):
    return [name.decode() if isinstance(name, bytes) else name for name in names]


def _last(name):
    """`"kernel"` of `"conv1_conv/kernel:0"`."""
    return name.split("/")[-1].split(":")[0]


def _pairs(backbone):
    """Names of a convolution and its normalisation, and the `VideoConvolution` they belong to."""
    pairs = [("conv1_conv", "conv1_bn", backbone.stem)]
    for stage, layers in backbone.stages.items():
        blocks = [layer for layer in layers if isinstance(layer, Bottleneck)]
        for index, block in enumerate(blocks, start=1):
            place = f"{stage.replace('res', 'conv')}_block{index}"
            parts = (block.shortcut, block.reduce, block.middle, block.expand)
            pairs += [
                (f"{place}_{part}_conv", f"{place}_{part}_bn", target)
                for part, target in enumerate(parts)
                if target is not None
            ]
    return pairs


def _check_names(layers, expected):
    missing = sorted(expected - set(layers))
    if missing:
        raise ValueError(
            "The image network must have the layers of a Keras ResNet-50. "
            f"Missing: {', '.join(missing[:3])}{' ...' if missing[3:] else ''}. "
            f"Received: {', '.join(list(layers)[:5])} ..."
        )
    foreign = [
        name
        for name, arrays in layers.items()
        if arrays and name not in expected and re.match(r"conv\d", name)
    ]
    if foreign:
        raise ValueError(
            "The image network must have the layers of a Keras ResNet-50 and no others in its "
            f"stages. Received: {', '.join(foreign[:3])}{' ...' if foreign[3:] else ''}"
        )


def _assignments(layers, convolution, normalization, target):
    """Variables of a `VideoConvolution` and what they become."""
    time, *size = target.kernel.shape
    channels = size[-1:]
    kernel = _array(layers, convolution, "kernel", size)
    bias = 0.0
    if "bias" in layers[convolution]:
        bias = _array(layers, convolution, "bias", channels)
    gamma, beta, mean, variance = (
        _array(layers, normalization, name, channels) for name in _NORMALIZATION
    )
    norm = target.normalization
    epsilon = layers[normalization].get("epsilon", _KERAS_EPSILON)
    return [
        (target.kernel, np.repeat(kernel[np.newaxis] / time, time, axis=0)),
        (norm.gamma, gamma),
        (norm.beta, beta),
        (norm.moving_mean, mean - bias),  # The normalisation takes a bias before it out again.
        (norm.moving_variance, variance + (epsilon - norm.epsilon)),
    ]


def _array(layers, layer, name, shape):
    array = layers[layer].get(name)
    received = None if array is None else tuple(array.shape)
    if received != tuple(shape):
        raise ValueError(
            f"`{name}` of the image network's layer {layer} must have the shape {tuple(shape)}. "
            f"Received: {received}"
        )
    return array
