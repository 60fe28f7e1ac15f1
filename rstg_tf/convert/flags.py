"""The authors' flags: their YAML configs, and what they mean for us."""

import math
import pathlib

from rstg_tf.experiments.overrides import read_mapping
from rstg_tf.experiments.rows import PAPER

# The config of the authors' best network, RSTG at res3 and res4; others differ in a few flags.
_BASE = {
    "backbone_model": "i3d",
    "classification_dropout": 0.3,
    "comb_type": "plus",
    "dataset": "smt-smt",
    "dim_h": 224,
    "dim_map": 6,
    "dim_w": 224,
    "final_norm": "LN",
    "message_dims": 512,
    "multihead_att": False,
    "node_feat_dim": 512,
    "num_chan": 3,
    "num_classes": 174,
    "num_filters": 512,
    "num_process_iter": 3,
    "num_scales": 3,
    "place_graph": "none",
    "place_nonlocal": "none",
    "scalewise_update": True,
    "update_layers": 2,
    "use_att": "dot",
    "use_norm": "LN",
    "use_positional_emb": False,
    "video_num_frames": 32,
}
EXPERIMENTS = {row.experiment: row.flags for row in PAPER if row.flags is not None}
BACKBONES = ("simple_c2d", "c2d", "i3d", "non-local")
NORMS = {"none": "none", "BN": "batch", "LN": "clip"}
_ATTENTIONS = {"dot": "dot", "simple": "additive"}
_HEADS = 8  # Of the released code's multi-head attention.
_INTERNAL_TIME_STAGES = 3
_STAGES = ("res2", "res3", "res4", "res5")


def read_flags(config):
    """Reads the flags of a network from the authors' YAML config, or by a name of `EXPERIMENTS`.

    Those that the file leaves out are those of the authors' networks. Raises a FileNotFoundError
    where it is neither a file nor such a name, a ValueError for a file without flags, or for one
    that is out of its range.
    """
    if str(config) in EXPERIMENTS:
        flags = EXPERIMENTS[str(config)]
    else:
        if not pathlib.Path(config).is_file():
            raise FileNotFoundError(
                f"A config must be a YAML file of the authors' code or one of {list(EXPERIMENTS)}. "
                f"Received: {config}"
            )
        flags = read_mapping(config)
        if "backbone_model" not in flags:
            raise ValueError(
                f"A config of the authors' code must have the flag backbone_model. "
                f"Received: {config}"
            )
    flags = {**_BASE, **flags}
    try:
        for name, usual in _BASE.items():
            _check_type(name, flags[name], usual)
        _choice(flags, "backbone_model", BACKBONES)
        _choice(flags, "comb_type", ("plus", "serial"))
        _choice(flags, "use_att", _ATTENTIONS)
        _choice(flags, "use_norm", NORMS)
        _choice(flags, "final_norm", NORMS)
        places(flags, "place_graph", (*_STAGES, "final"))
        places(flags, "place_nonlocal", _STAGES)
    except ValueError as error:
        raise ValueError(f"{config}: {error}") from error
    return flags


def places(flags, name, choices=(*_STAGES, "final")):
    """The places that a flag such as `"res3-res4"` or `"none"` names, a tuple."""
    named = () if flags[name] == "none" else tuple(str(flags[name]).split("-"))
    if not set(named) <= set(choices):
        raise ValueError(
            f"flag `{name}` must be none, or some of {list(choices)} with - between. "
            f"Received: {flags[name]!r}"
        )
    return named


def block_options(flags):
    """The arguments of an `rstg_tf.RSTG` block that the flags stand for."""
    attention = _ATTENTIONS[_choice(flags, "use_att", _ATTENTIONS)]
    many_heads = attention == "dot" and flags["multihead_att"]
    width = flags["node_feat_dim"]
    return {
        "scales": tuple(range(flags["num_scales"], 0, -1)),
        "node_dim": width,
        "message_dim": flags["message_dims"],
        "iterations": flags["num_process_iter"],
        "attention": attention,
        "heads": _HEADS if many_heads else 1,
        "head_dim": width // _HEADS if many_heads else None,
        "final": "mean",
        "positional": flags["use_positional_emb"],
        "dim_map": flags["dim_map"],
        "norm": NORMS[_choice(flags, "use_norm", NORMS)],
        "update_layers": flags["update_layers"],
        "scalewise_update": flags["scalewise_update"],
        "adjacency": "weight",
        "internal_time_stages": _INTERNAL_TIME_STAGES,
        "node_batch_norm": flags["dataset"] == "mnist",
        "positional_grid": "floor",
    }


def is_constant(name):
    """Whether a variable of a checkpoint is a constant that the network computes itself."""
    leaf = name.rsplit("/", 1)[-1]
    return leaf.startswith("resize_filters__") or leaf.startswith("positional_emb")


def _check_type(name, value, usual):
    """A flag must be of the type that it has in the authors' configs, and a number not negative."""
    kinds = (int, float) if isinstance(usual, float) else type(usual)
    good = isinstance(value, kinds) and isinstance(value, bool) == isinstance(usual, bool)
    if not good or (isinstance(value, int | float) and not 0 <= value < math.inf):
        expected = type(usual).__name__
        raise ValueError(
            f"flag `{name}` must be {expected}, not negative. Received: {value!r:.200}"
        )


def _choice(flags, name, choices):
    if flags[name] not in choices:
        raise ValueError(f"flag `{name}` must be one of {list(choices)}. Received: {flags[name]!r}")
    return flags[name]
