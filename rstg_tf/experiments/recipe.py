"""What the experiments share: sizes of the networks, and the way of training."""

from rstg_tf.experiments.config import EMA, Optimization, backbone

WIDTHS = {"lite": 64, "paper": 512}


def simple_conv(size):
    """The section of the backbone of three layers."""
    return backbone("simple_conv", filters={"lite": (16, 32, 64), "paper": (512,) * 3}[size])


def graph(size, **changes):
    """Arguments of the RSTG blocks, as a dict."""
    sizes = {"node_dim": WIDTHS[size], "message_dim": WIDTHS[size]}
    return {**sizes, "norm": "layer", "node_batch_norm": True, **changes}


def adamw(learning_rate, clipnorm=1.0, weight_decay=1e-4):
    """AdamW with clipped gradients, a short warm-up, a cosine to zero and averaged weights.

    Args:
        learning_rate: the highest learning rate.
        clipnorm: the gradient's global norm is cut to this.
        weight_decay: of all weights, times the learning rate.

    Returns:
        An `Optimization` config whose schedule lasts as long as the training.
    """
    return Optimization(
        {
            "optimizer": {
                "type": "adamw_experimental",
                "adamw_experimental": {"global_clipnorm": clipnorm, "weight_decay": weight_decay},
            },
            "learning_rate": {
                "type": "cosine",
                "cosine": {"initial_learning_rate": learning_rate},
            },
            "warmup": {"type": "linear", "linear": {}},
            "ema": EMA(),
        }
    )
