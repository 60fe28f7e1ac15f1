"""Whole networks of the authors' released code."""

import os

import tensorflow as tf

from rstg_tf.backbones import C2D_KERNELS, I3D_KERNELS, VideoResNet
from rstg_tf.convert.block import output_norm_flag, plan_block, plan_output_norm
from rstg_tf.convert.checkpoint import Step, carry_out, dense, normalization, read_checkpoint
from rstg_tf.convert.flags import NORMS, block_options, places, read_flags
from rstg_tf.layers import Bottleneck, NonLocal
from rstg_tf.models import VideoClassifier

_BRANCHES = {
    "reduce": "branch2a",
    "middle": "branch2b",
    "expand": "branch2c",
    "shortcut": "branch1",
}
_STEM = "backbone/conv1/kernel"
_OF_GRAPHS = ("whole_graph_model_", "after_graph_")
_WINDOW = (14, 14)  # The released code averages over windows of this size.


class FloatNetwork(tf.keras.Model):
    """A classifier of clips that are preprocessed already.

    Args:
        classifier: the `VideoClassifier` that does the work.

    Call arguments:
        clips: float `[B, T, H, W, C]`.

    Returns:
        Float32 logits `[B, classes]`.
    """

    def __init__(self, classifier, **kwargs):
        super().__init__(**kwargs)
        self.classifier = classifier

    def call(self, clips, training=None):
        """Classifies clips."""
        return self.classifier.classify_floats(clips, training)


def from_tf1_checkpoint(
    config_path: str | os.PathLike, checkpoint_path: str | os.PathLike
) -> FloatNetwork:
    """Builds the network that the authors' code makes of a config and a checkpoint.

    Args:
        config_path: the authors' YAML config, or the name of an experiment of theirs, see
            `rstg_tf.convert.EXPERIMENTS`.
        checkpoint_path: prefix of the TensorFlow 1 checkpoint.

    Returns:
        A `FloatNetwork`: `network(clips, training=False)` takes preprocessed clips
        `[B, T, H, W, C]` and gives logits `[B, classes]`. Its `classifier` takes uint8 clips.

    Raises:
        FileNotFoundError: config or checkpoint are missing.
        ValueError: a flag is out of its range, or variables and weights do not fit; all that is
            left on either side is listed.
    """
    flags = read_flags(config_path)
    variables = read_checkpoint(checkpoint_path)
    classifier = VideoClassifier(**classifier_options(flags))
    carry_out(plan_network(classifier, flags), variables)
    return FloatNetwork(classifier)


def classifier_options(flags):
    """The arguments of the `VideoClassifier` that the flags stand for."""
    graphs = places(flags, "place_graph")
    output_norm = NORMS[output_norm_flag(flags)]
    head = {"combine": flags["comb_type"], "norm": output_norm}
    if "final" in graphs:
        head["graph_options"] = block_options(flags)
    options = {
        "num_classes": flags["num_classes"],
        "channels": flags["num_chan"],
        "head": "average",
        "head_options": head,
        "norm": "none",
        "dropout": flags["classification_dropout"],
        "preprocessing": "none" if flags["dataset"] == "mnist" else "kinetics",
    }
    if flags["backbone_model"] == "simple_c2d":
        backbone = {"filters": (flags["num_filters"],) * 3}
        return {**options, "backbone": "simple_conv", "backbone_options": backbone}
    head["window"] = _WINDOW
    non_local = set(places(flags, "place_nonlocal"))
    if flags["backbone_model"] == "non-local":
        non_local |= {"res3", "res4"}
    backbone = {
        "temporal_kernels": C2D_KERNELS if flags["backbone_model"] == "c2d" else I3D_KERNELS,
        "non_local": tuple(sorted(non_local)),
        "graphs": tuple(place for place in graphs if place != "final"),
        "graph_options": {**block_options(flags), "output_norm": output_norm},
        "batch_norm": "frozen",
    }
    return {**options, "backbone": "video_resnet", "backbone_options": backbone}


def plan_network(classifier, flags):
    """Steps of the whole `VideoClassifier` that `classifier_options(flags)` describes."""
    c2d = flags["backbone_model"] == "c2d"
    if flags["backbone_model"] == "simple_c2d":
        root = "tower/"
        for index, (kernel, bias) in enumerate(classifier.backbone.weights_of_layers):
            yield Step(kernel, (f"{root}conv{index}/conv2d/kernel",))
            yield Step(bias, (f"{root}conv{index}/conv2d/bias",))
    else:
        root = f"tower/resnet_{'c2d' if c2d else 'i3d'}/"
        yield from plan_backbone(classifier.backbone, root + "backbone/")
        for place, block in classifier.backbone.blocks.items():
            scope = root + "backbone/"
            yield from plan_block(block, flags, f"{scope}whole_graph_model_{place}/")
            name = scope + ("" if c2d else f"{place}_") + "after_graph"
            yield from plan_output_norm(block.output_normalization, flags, name)
    if classifier.head.block is not None:
        yield from plan_block(classifier.head.block, flags, f"{root}whole_graph_model_final/")
        name = root + ("" if c2d else "final_") + "after_graph"
        yield from plan_output_norm(classifier.head.normalization, flags, name)
    yield from dense(classifier.classifier, f"{root}pred")


def plan_backbone(backbone, scope):
    """Steps of a built `VideoResNet` without its RSTG blocks."""
    yield from _convolution(backbone.stem, f"{scope}conv1", f"{scope}res_conv1_bn")
    for layers in backbone.stages.values():
        for layer in layers:
            if isinstance(layer, Bottleneck):
                for part, branch in _BRANCHES.items():
                    convolution = getattr(layer, part)
                    if convolution is not None:
                        name = f"{scope}{layer.name}_{branch}"
                        yield from _convolution(convolution, name, f"{name}_bn")
            elif isinstance(layer, NonLocal):
                # Named after its residual block: "res3_1_non_local".
                name = f"{scope}nonlocal_conv{layer.name[3:].removesuffix('_non_local')}"
                yield from dense(layer.query, f"{name}_theta")
                yield from dense(layer.key, f"{name}_phi")
                yield from dense(layer.value, f"{name}_g")
                yield from _convolution(layer.project, f"{name}_out", f"{name}_bn")


def _convolution(layer, name, norm_name):
    yield Step(layer.kernel, (f"{name}/kernel",))
    if layer.use_bias:
        yield Step(layer.bias, (f"{name}/bias",))
    yield from normalization(layer.normalization, norm_name)


def load_backbone(backbone: VideoResNet, checkpoint_path: str | os.PathLike) -> None:
    """Fills a backbone from a checkpoint that knows nothing of the rest, as one of Kinetics.

    RSTG blocks stay as they are, and so do non-local blocks that the checkpoint does not have; its
    classifier is passed over.

    Args:
        backbone: a built `rstg_tf.backbones.VideoResNet`.
        checkpoint_path: prefix of the TensorFlow 1 checkpoint.

    Raises:
        FileNotFoundError: there is no such checkpoint.
        ValueError: it has no video ResNet, or one of other layers or shapes, or the backbone is
            none.
    """
    if not isinstance(backbone, VideoResNet):
        raise ValueError(
            "A checkpoint of the authors' code fills a VideoResNet. "
            f"Received: a {type(backbone).__name__} and {checkpoint_path}"
        )
    variables = read_checkpoint(checkpoint_path)
    scopes = [name.removesuffix("conv1/kernel") for name in variables if name.endswith(_STEM)]
    if len(scopes) != 1:
        raise ValueError(
            f"A checkpoint of a video ResNet must have one variable …/{_STEM}. "
            f"Received: {len(scopes)} in {checkpoint_path}"
        )
    inside = {
        name: value
        for name, value in variables.items()
        if name.startswith(scopes[0]) and not any(part in name for part in _OF_GRAPHS)
    }
    plan = [
        step
        for step in plan_backbone(backbone, scopes[0])
        if not (step.names[0].startswith(f"{scopes[0]}nonlocal") and step.names[0] not in inside)
    ]
    carry_out(plan, inside)
