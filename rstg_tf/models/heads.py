"""Heads by name: layers from feature maps `[B, T, h, w, C]` to one vector per clip `[B, D]`."""

from rstg_tf.layers import RSTG
from rstg_tf.models.average_head import AverageHead
from rstg_tf.models.sequence_head import SequenceHead

HEADS = {
    "average": AverageHead,
    "rstg": lambda **options: RSTG(head="vec", **options),
    "mean": lambda **options: SequenceHead(spatial="conv", temporal="mean", **options),
    "mean_lstm": lambda **options: SequenceHead(spatial="mean", temporal="lstm", **options),
    "conv_lstm": lambda **options: SequenceHead(spatial="conv", temporal="lstm", **options),
}


def build_head(name, **options):
    """Builds the head called `name`.

    Args:
        name: a key of `HEADS`.
        **options: the head's own arguments.

    Returns:
        A layer with `call(features [B, T, h, w, C]) -> [B, D]` and, where its settings allow
        streaming, `initial_state(batch_size)` and `step(features [B, h, w, C], state)`.

    Raises:
        ValueError: if there is no such head.
    """
    if name not in HEADS:
        raise ValueError(f"A head is one of {sorted(HEADS)}. Received: head={name!r}")
    return HEADS[name](name="head", **options)
