"""An RSTG block from the flags and variables of the authors' released code."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from rstg_tf.convert.checkpoint import Step, as_matrix, carry_out, dense, normalization
from rstg_tf.convert.flags import NORMS, block_options, is_constant
from rstg_tf.layers import RSTG

_NORM_SUFFIXES = {"BN": "_bn", "LN": "_ln", "none": ""}
_LSTM = "cudnn_lstm/rnn/multi_rnn_cell/cell_0/cudnn_compatible_lstm_cell/"


def block_from_reference(
    flags: Mapping[str, Any], variables: Mapping[str, np.ndarray], place: str, readout: str = "vec"
) -> RSTG:
    """Builds the block that the authors' released code makes of its flags and variables.

    Args:
        flags: dict of the authors' flags (`node_feat_dim`, `use_att`, ...), as in their YAML
            configs.
        variables: dict of checkpoint name to array, of the graph's variables at least; constants
            (resize filters, positional maps) and variables outside the graph are passed over.
        place: where the graph stands: `"final"`, `"res2"`, ... `"res5"`.
        readout: `"vec"` for the released `final_video_feats` `[B, C]`, or `"map"` for the released
            `remap` `[B, T, H, W, C]`, which is not normalised and not yet added to the map.

    Returns:
        A built `RSTG` that holds the weights.

    Raises:
        ValueError: a flag that the released code does not know, a graph variable that is missing,
            left over or of another shape.
    """
    scope = f"whole_graph_model_{place}/"
    graph = {
        scope + name.removesuffix(":0").split(scope, 1)[1]: np.asarray(value)
        for name, value in variables.items()
        if scope in name and value is not None and not is_constant(name)
    }
    if not graph:
        raise ValueError(
            f"no variable of a graph at place={place!r} (a name with {scope!r} in it). "
            f"Received: {sorted(variables)[:5]}..."
        )
    block = RSTG(
        **block_options(flags),
        readout=readout,
        residual=False,
        output_norm="none",
        project_back=f"{scope}project_back_to_i3d/kernel" in graph,
        name=f"graph_{place}",
    )
    projection = graph.get(f"{scope}project_i3d/kernel")
    channels = flags["node_feat_dim"] if projection is None else projection.shape[0]
    block.build((None, None, None, None, channels))
    carry_out(plan_block(block, flags, scope), graph)
    return block


def plan_block(block, flags, scope):
    """Steps of a built `RSTG`, but for the normalisation of its output."""
    suffix = _NORM_SUFFIXES[flags["use_norm"]]
    if block.projection is not None:
        yield from dense(block.projection, scope + "project_i3d")
    if block.back_projection is not None:
        yield from dense(block.back_projection, scope + "project_back_to_i3d")
    names = [scope + "before_graf" + suffix]
    if block.node_batch_norm:
        names.insert(0, scope + "batch_normalization")
    for layer, name in zip(block.node_normalizations, names, strict=True):
        yield from normalization(layer, name)
    yield from _space_stage(block.space_stage, scope, suffix)
    yield from _lstm(block.time_stage, scope)
    yield from _lstm(block.final_time_stage, scope + "time_update_extern/")


def plan_output_norm(layer, flags, name):
    """Steps of the normalisation after a graph; its name is without its kind."""
    kind = output_norm_flag(flags)
    if kind == "LN":
        yield Step(layer.gamma, (f"{name}_ln_scale",))
        yield Step(layer.beta, (f"{name}_ln/beta",))
    elif kind == "BN":
        yield from normalization(layer, f"{name}_bn")


def output_norm_flag(flags):
    """The flag that says how a graph's output is normalised: C2D follows the graph's own."""
    kind = flags["use_norm" if flags["backbone_model"] == "c2d" else "final_norm"]
    if kind not in NORMS:
        raise ValueError(f"the norm after a graph must be one of {list(NORMS)}. Received: {kind!r}")
    return "none" if flags["dataset"] == "mnist" else kind


def _lstm(stage, scope):
    """Gates are stored as input, candidate, forget, output; Keras has forget before candidate."""

    def reorder(value):
        gate_input, candidate, forget, output = np.split(value, 4, axis=-1)
        return np.concatenate([gate_input, forget, candidate, output], axis=-1)

    cell, name = stage.lstm.cell, scope + _LSTM
    inputs = cell.kernel.shape[0]
    yield Step(cell.kernel, (f"{name}kernel",), lambda value: reorder(value)[:inputs])
    yield Step(cell.recurrent_kernel, (f"{name}kernel",), lambda value: reorder(value)[inputs:])
    yield Step(cell.bias, (f"{name}bias",), reorder)


def _space_stage(stage, scope, suffix):
    # One kernel for [v_from | p_from | v_to | p_to].
    send, name = stage.send, scope + "send_messages_mlp/send_conv1"
    parts = [send.source.kernel, send.target.kernel]
    if stage.positional:
        parts = [send.source.kernel, send.source_place, send.target.kernel, send.target_place]
    end = 0
    for weight in parts:
        start, end = end, end + weight.shape[0]
        yield Step(weight, (f"{name}/kernel",), _rows(start, end, weight is parts[-1]))
    yield Step(send.target.bias, (f"{name}/bias",))
    yield from dense(send.hidden, scope + "send_messages_mlp/send_conv2")
    yield from normalization(stage.message_norm, scope + "send_messages_mlp/message" + suffix)
    yield from _gather(stage.gather, scope, suffix)
    mlp_scope = scope + ("update_node_mlp_/" if stage.scalewise_update else "update_node_mlp/")
    for scale, mlp in enumerate(stage.update.mlps, start=1):
        scale_suffix = f"_type{scale}" if stage.scalewise_update else ""
        for index, layer in enumerate(mlp, start=1):
            yield from dense(layer, f"{mlp_scope}update_conv{index}{scale_suffix}")
    yield from normalization(stage.update.normalization, mlp_scope + "update" + suffix)


def _rows(start, end, to_the_last):
    """Takes rows of a kernel; the last part takes all that is left, so that a wrong size shows."""
    return lambda value: as_matrix(value)[start : None if to_the_last else end]


def _gather(gather, scope, suffix):
    if gather.attention == "additive":
        scopes, attention = [scope], "my_attn/"
        yield from normalization(gather.normalization, f"{scope}my_attn/att{suffix}")
    else:
        heads = range(gather.heads)
        attention = "dot_product_attn/"
        scopes = [f"{scope}attention_head{head}/" for head in heads] if len(heads) > 1 else [scope]

    def side_by_side(*values):
        return np.concatenate(values, axis=-1)

    for layer, name in ((gather.query, "att_conv1"), (gather.key, "att_conv2")):
        names = tuple(f"{head}{attention}{name}" for head in scopes)
        yield Step(
            layer.kernel,
            tuple(f"{name}/kernel" for name in names),
            lambda *values: as_matrix(side_by_side(*values)),
        )
        yield Step(layer.bias, tuple(f"{name}/bias" for name in names), side_by_side)
    yield Step(
        gather.bias, tuple(f"{head}{attention}att_bias/biases" for head in scopes), side_by_side
    )
    if gather.heads > 1:
        names = [f"{head}messages_proj" for head in scopes]
        yield Step(
            gather.projection,
            tuple(f"{name}/kernel" for name in names),
            lambda *values: np.stack([as_matrix(value) for value in values]),
        )
        yield Step(
            gather.projection_bias,
            tuple(f"{name}/bias" for name in names),
            lambda *values: np.stack(values)[:, None],
        )
