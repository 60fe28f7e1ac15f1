"""The stages of a classifier with their shapes, parameters and multiply-adds."""

import contextlib
import dataclasses
import itertools
import math

import tensorflow as tf

from rstg_tf.describe.multiply_adds import multiply_adds
from rstg_tf.graph import SpaceGraph
from rstg_tf.layers import RSTG
from rstg_tf.layers.bottleneck import Bottleneck
from rstg_tf.layers.non_local import NonLocal
from rstg_tf.models import VideoClassifier

MIN_FRAMES = 2


@dataclasses.dataclass(frozen=True)
class Stage:
    """Layers that follow one another, and what they cost for one clip.

    Attributes:
        place: where in the model: `"stem"`, `"res2"`, ... `"head"`, `"classifier"`.
        what: what stands there, in words.
        kind: `"graph"` for an RSTG block, `"non_local"`, or `"plain"`.
        branch: whether its output is added to what passes by.
        shape: its output without the batch.
        trainable: parameters that training changes.
        statistics: other stored numbers, those of batch normalisation.
        multiply_adds: of one clip, forward.
    """

    place: str
    what: str
    kind: str = "plain"
    branch: bool = False
    shape: tuple = ()
    trainable: int = 0
    statistics: int = 0
    multiply_adds: int = 0


@dataclasses.dataclass(frozen=True)
class Description:
    """A classifier in figures; as a string, a table.

    Attributes:
        name: what to call it.
        clip_shape: `(T, H, W, C)` of the clip that the shapes and multiply-adds are for.
        stages: tuple of `Stage`, in their order.
        graphs: tuple of the different `SpaceGraph`s of the RSTG blocks.
        edges: whether nodes of the RSTG blocks attend to one another.
    """

    name: str
    clip_shape: tuple
    stages: tuple[Stage, ...]
    graphs: tuple[SpaceGraph, ...]
    edges: bool

    def total(self, field: str, kind: str | None = None) -> int:
        """Sums `"trainable"`, `"statistics"` or `"multiply_adds"` over stages, of one kind or all.

        Args:
            field: name of the figure.
            kind: see `Stage`; None for all.

        Returns:
            An int.
        """
        return sum(getattr(stage, field) for stage in self.stages if kind in (None, stage.kind))

    def __str__(self) -> str:
        """A table with a row for each stage, one for the whole, one for the graph alone."""
        fields = ("trainable", "statistics", "multiply_adds")
        rows = [("stage", "", "output", *(field.replace("_", "-") for field in fields))]
        rows.append(("clip", "", format_shape(self.clip_shape), "", "", ""))
        for stage in self.stages:
            figures = (f"{getattr(stage, field):,}" for field in fields)
            rows.append((stage.place, stage.what, format_shape(stage.shape), *figures))
        rows.append(("total", "", "", *(f"{self.total(field):,}" for field in fields)))
        graph = (f"{self.total(field, 'graph'):,}" for field in fields)
        rows.append(("graph", "RSTG blocks alone", "", *graph))
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        lines = [
            "  ".join(
                cell.ljust(width) if index < 3 else cell.rjust(width)
                for index, (cell, width) in enumerate(zip(row, widths, strict=True))
            ).rstrip()
            for row in rows
        ]
        rule = "-" * max(map(len, lines))
        return "\n".join([lines[0], rule, *lines[1:-2], rule, *lines[-2:]])


def describe(model: VideoClassifier, size: tuple[int, int, int], name: str = "") -> Description:
    """Reads shapes and costs off a model, by tracing it for one clip.

    Nothing runs: the sizes of a clip may be those of a model that takes hours on this machine.

    Args:
        model: a `VideoClassifier`.
        size: `(T, H, W)` of a clip.
        name: what to call it.

    Returns:
        A `Description`. Parameters are those of the layers' weights. Multiply-adds are those of the
        operations in inference, one clip, convolutions and products of matrices only; they are
        what is computed, which for a graph is more than its formulas: sums over edges are products
        with incidence matrices.

    Raises:
        ValueError: the clip is too small for the model.
    """
    least = (MIN_FRAMES, model.backbone.min_size, model.backbone.min_size)
    if len(size) != 3 or any(have < need for have, need in zip(size, least, strict=True)):
        raise ValueError(
            f"The size of a clip must be at least {format_shape(least)}. "
            f"Received: {format_shape(size)}"
        )
    parts = _parts(model)
    owners: dict[str, int] = {}
    shapes: dict[int, tuple] = {}
    clip = tf.TensorSpec([1, *size, model.channels], tf.uint8)
    with contextlib.ExitStack() as stack:
        for index, (_, layers) in enumerate(parts):
            for layer in layers:
                stack.enter_context(_watched(layer, index, owners, shapes))
        function = tf.function(lambda clips: model(clips, training=False)["logits"])
        graph = function.get_concrete_function(clip).graph

    costs = [0] * len(parts)
    for operation, count in multiply_adds(graph).items():
        costs[owners[operation]] += count
    stages: list[Stage] = []
    counted: set = set()
    for index, (stage, layers) in enumerate(parts):
        sizes = _parameters(layers, counted)
        stages.append(
            dataclasses.replace(
                stage,
                shape=shapes[index],
                trainable=sizes[0],
                statistics=sizes[1],
                multiply_adds=costs[index],
            )
        )
    graphs = tuple(dict.fromkeys(block.graph for block in model.blocks.values()))
    edges = any(block.variant != "time_only" for block in model.blocks.values())
    return Description(name, (*size, model.channels), tuple(stages), graphs, edges)


def format_shape(sizes):
    """Sizes as `32x224x224x3`."""
    return "x".join(map(str, sizes))


def _parts(model):
    """Stages of a model without their costs, each with its layers; an inner one comes first."""
    names, backbone, head = model.get_config(), model.backbone, model.head
    parts = []
    if hasattr(backbone, "stages"):
        parts.append((Stage("stem", "convolution"), [backbone.stem]))
        for place, layers in backbone.stages.items():
            for kind, same in itertools.groupby(layers, type):
                parts += _parts_of_stage(place, kind, list(same))
    else:
        parts.append((Stage("backbone", names["backbone"]), [backbone]))
    if isinstance(head, RSTG):
        parts.append(_graph("head", head))
    else:
        block = getattr(head, "block", None)
        if block is not None:
            parts.append(_graph("head", block, branch=head.combine == "plus"))
        parts.append((Stage("head", names["head"]), [head]))
    others = [layer for layer in model.layers if layer not in (backbone, head)]
    what = "normalisation, dense" if names["norm"] != "none" else "dense"
    parts.append((Stage("classifier", what), others))
    return parts


def _parts_of_stage(place, kind, layers):
    if kind is RSTG:
        return [_graph(place, layer, branch=layer.residual) for layer in layers]
    if kind is NonLocal:
        return [(Stage(place, "non-local", "non_local", True), [layer]) for layer in layers]
    blocks = "residual block" if kind is Bottleneck else kind.__name__
    return [(Stage(place, f"{len(layers)} {blocks}{'s' * (len(layers) > 1)}"), layers)]


def _graph(place, block, branch=False):
    return Stage(place, f"RSTG to {block.readout}", "graph", branch), [block]


@contextlib.contextmanager
def _watched(layer, index, owners, shapes):
    """Notes the operations that a layer traces as those of part `index`, and its output's shape."""
    call = layer.call

    def watched(*args, **kwargs):
        graph = tf.compat.v1.get_default_graph()
        before = len(graph.get_operations())
        outputs = call(*args, **kwargs)
        for operation in graph.get_operations()[before:]:
            owners.setdefault(operation.name, index)  # A layer inside was there first.
        shapes[index] = tuple(outputs.shape[1:])
        return outputs

    layer.call = watched
    try:
        yield
    finally:
        del layer.call


def _parameters(layers, counted):
    """Trainable and other parameters of layers, without the weights that are counted already."""
    sizes = []
    for group in ("trainable_weights", "non_trainable_weights"):
        weights = {weight.ref(): weight for layer in layers for weight in getattr(layer, group)}
        sizes.append(sum(math.prod(weights[ref].shape) for ref in weights.keys() - counted))
        counted.update(weights)
    return sizes
