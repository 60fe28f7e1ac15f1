"""An RSTG block from the flags and variables of the authors' released code."""

import numpy as np

from rstg_tf.layers import RSTG

_ATTENTIONS = {"dot": "dot", "simple": "additive"}
_NORMS = {"none": "none", "BN": "batch", "LN": "clip"}
_NORM_SUFFIXES = {"BN": "_bn", "LN": "_ln"}
_HEADS = 8  # Of the released code's multi-head attention.
_INTERNAL_TIME_STAGES = 3
_LSTM = "cudnn_lstm/rnn/multi_rnn_cell/cell_0/cudnn_compatible_lstm_cell/"


def block_from_reference(flags, variables, place, head="vec"):
    """Builds the block that the authors' released code makes of its flags and variables.

    Args:
        flags: dict of the authors' flags (`node_feat_dim`, `use_att`, ...), as in their YAML
            configs.
        variables: dict of checkpoint name to array, of the graph's variables at least; constants
            (resize filters, positional maps) and variables outside the graph are passed over.
        place: where the graph stands: `"final"`, `"res2"`, ... `"res5"`.
        head: `"vec"` for the released `final_video_feats` `[B, C]`, or `"map"` for the released
            `remap` `[B, T, H, W, C]`, which is not normalised and not yet added to the map.

    Returns:
        A built `RSTG` that holds the weights.

    Raises:
        ValueError: a flag that the released code does not know, a graph variable that is missing,
            left over or of another shape.
    """
    source = _Variables(variables, place)
    projects = source.has("project_back_to_i3d/kernel")
    norm = _choice(flags, "use_norm", _NORMS)
    attention = _choice(flags, "use_att", _ATTENTIONS)
    many_heads = attention == "dot" and flags["multihead_att"]
    width = flags["node_feat_dim"]
    block = RSTG(
        scales=tuple(range(flags["num_scales"], 0, -1)),
        node_dim=width,
        message_dim=flags["message_dims"],
        iterations=flags["num_process_iter"],
        attention=attention,
        heads=_HEADS if many_heads else 1,
        head_dim=width // _HEADS if many_heads else None,
        head=head,
        final="mean",
        positional=flags["use_positional_emb"],
        dim_map=flags["dim_map"],
        norm=norm,
        update_layers=flags["update_layers"],
        scalewise_update=flags["scalewise_update"],
        residual=False,
        output_norm="none",
        project_back=projects,
        adjacency="weight",
        internal_time_stages=_INTERNAL_TIME_STAGES,
        node_batch_norm=flags["dataset"] == "mnist",
        positional_grid="floor",
        name=f"graph_{place}",
    )
    channels = source.shape("project_i3d/kernel")[0] if source.has("project_i3d/kernel") else width
    block.build((None, None, None, None, channels))
    _load_nodes(block, source, flags)
    _load_space_stage(block.space_stage, source, flags)
    _load_lstm(block.time_stage, source, "")
    _load_lstm(block.final_time_stage, source, "time_update_extern/")
    source.finish()
    return block


class _Variables:
    """The variables of one graph by their names inside it; knows which were used."""

    def __init__(self, variables, place):
        self.scope = f"whole_graph_model_{place}/"
        self.values = {
            name.removesuffix(":0").split(self.scope, 1)[1]: np.asarray(value)
            for name, value in variables.items()
            if self.scope in name and value is not None and not _is_constant(name)
        }
        self.used = set()
        if not self.values:
            raise ValueError(
                f"no variable of a graph at place={place!r} (a name with {self.scope!r} in it). "
                f"Received: {sorted(variables)[:5]}..."
            )

    def has(self, name):
        return name in self.values

    def shape(self, name):
        return self.take(name).shape

    def take(self, name):
        if name not in self.values:
            raise ValueError(
                f"the variable {self.scope + name!r} is missing. Received: {sorted(self.values)}"
            )
        self.used.add(name)
        return self.values[name]

    def kernel(self, name):
        """A dense layer's kernel `[in, out]`, which the released code stores as a convolution's."""
        value = self.take(name + "/kernel")
        return value.reshape(value.shape[-2:])

    def bias(self, name):
        return self.take(name + "/bias")

    def finish(self):
        left = sorted(set(self.values) - self.used)
        if left:
            raise ValueError(f"variables that the flags leave no place for: {left}")


def _is_constant(name):
    leaf = name.rsplit("/", 1)[-1]
    return leaf.startswith("resize_filters__") or leaf.startswith("positional_emb")


def _choice(flags, name, choices):
    if flags[name] not in choices:
        raise ValueError(f"flag `{name}` must be one of {list(choices)}. Received: {flags[name]!r}")
    return choices[flags[name]]


def _assign(variable, value):
    if tuple(variable.shape) != value.shape:
        raise ValueError(
            f"{variable.name} has shape {tuple(variable.shape)}. Received: shape {value.shape}"
        )
    variable.assign(value)


def _load_dense(layer, source, name):
    _assign(layer.kernel, source.kernel(name))
    _assign(layer.bias, source.bias(name))


def _load_norm(layer, source, name):
    """Fills whatever weights a normalisation has: they bear the same names on both sides."""
    for variable in layer.weights:
        leaf = variable.name.split("/")[-1].removesuffix(":0")
        _assign(variable, source.take(f"{name}/{leaf}"))


def _load_lstm(stage, source, scope):
    """Gates are stored as input, candidate, forget, output; Keras has forget before candidate."""

    def reorder(value):
        gate_input, candidate, forget, output = np.split(value, 4, axis=-1)
        return np.concatenate([gate_input, forget, candidate, output], axis=-1)

    kernel = reorder(source.take(f"{scope}{_LSTM}kernel"))
    inputs = kernel.shape[0] - stage.units
    cell = stage.lstm.cell
    _assign(cell.kernel, kernel[:inputs])
    _assign(cell.recurrent_kernel, kernel[inputs:])
    _assign(cell.bias, reorder(source.take(f"{scope}{_LSTM}bias")))


def _load_nodes(block, source, flags):
    if block.projection is not None:
        _load_dense(block.projection, source, "project_i3d")
    if block.back_projection is not None:
        _load_dense(block.back_projection, source, "project_back_to_i3d")
    names = ["before_graf" + _NORM_SUFFIXES.get(flags["use_norm"], "")]
    if block.node_batch_norm:
        names.insert(0, "batch_normalization")
    for layer, name in zip(block.node_normalizations, names, strict=True):
        _load_norm(layer, source, name)


def _load_space_stage(stage, source, flags):
    suffix = _NORM_SUFFIXES.get(flags["use_norm"], "")

    # One kernel for [v_from | p_from | v_to | p_to].
    send, name = stage.send, "send_messages_mlp/send_conv1"
    dim = send.source.kernel.shape[0]
    place = send.positional_maps.shape[-1] if stage.positional else 0
    splits = np.cumsum([dim, place, dim])
    from_node, from_place, to_node, to_place = np.split(source.kernel(name), splits)
    _assign(send.source.kernel, from_node)
    _assign(send.target.kernel, to_node)
    _assign(send.target.bias, source.bias(name))
    if stage.positional:
        _assign(send.source_place, from_place)
        _assign(send.target_place, to_place)
    _load_dense(send.hidden, source, "send_messages_mlp/send_conv2")
    _load_norm(stage.message_norm, source, "send_messages_mlp/message" + suffix)

    _load_gather(stage.gather, source, suffix)

    scope = "update_node_mlp_/" if stage.scalewise_update else "update_node_mlp/"
    for scale, mlp in enumerate(stage.update.mlps, start=1):
        scale_suffix = f"_type{scale}" if stage.scalewise_update else ""
        for index, layer in enumerate(mlp, start=1):
            _load_dense(layer, source, f"{scope}update_conv{index}{scale_suffix}")
    _load_norm(stage.update.normalization, source, scope + "update" + suffix)


def _load_gather(gather, source, suffix):
    if gather.attention == "additive":
        scopes, attention = [""], "my_attn/"
        _load_norm(gather.normalization, source, "my_attn/att" + suffix)
    else:
        heads = range(gather.heads)
        scopes = [f"attention_head{head}/" for head in heads] if gather.heads > 1 else [""]
        attention = "dot_product_attn/"

    def stack(name):
        return np.concatenate([source.take(scope + name) for scope in scopes], axis=-1)

    for layer, name in ((gather.query, "att_conv1"), (gather.key, "att_conv2")):
        kernel = stack(f"{attention}{name}/kernel")
        _assign(layer.kernel, kernel.reshape(kernel.shape[-2:]))
        _assign(layer.bias, stack(f"{attention}{name}/bias"))
    _assign(gather.bias, stack(f"{attention}att_bias/biases"))
    if gather.heads > 1:
        projections = [source.kernel(f"{scope}messages_proj") for scope in scopes]
        _assign(gather.projection, np.stack(projections))
        biases = [source.bias(f"{scope}messages_proj") for scope in scopes]
        _assign(gather.projection_bias, np.stack(biases)[:, None])
