"""How a model is used, and what it takes and gives."""


def how_to_use(facts):
    """A few lines for each way of use."""
    name, channels = facts.name, facts.model.channels
    parts = [
        "## How to use",
        "With Keras 2.15 alone:",
        _code(
            "import keras",
            f'model = keras.models.load_model("model_zoo/{name}")',
            f'probabilities = model.predict(clips)["probabilities"]  # uint8 [B, T, H, W, '
            f"{channels}]",
            f'class_names = open("model_zoo/{name}/assets/labels.txt").read().splitlines()',
        ),
        "With RSTG-TF, which checks the files and gives the real layers:",
        _code(
            "import rstg_tf",
            f'model = rstg_tf.load_model("{name}")',
            'probabilities = model(clips)["probabilities"]',
            *([_attention(facts.model)] if has_attention(facts.model) else []),
        ),
    ]
    if facts.model.streams:
        parts += [
            "Frame by frame, with the result of the clip so far after each:",
            _code(
                f'model = rstg_tf.load_model("{name}")',
                "state = model.initial_state(batch_size=1)",
                f"for frame in frames:  # uint8 [1, H, W, {channels}]",
                "    outputs, state = model.step(frame, state)",
            ),
        ]
    parts += [
        "With TensorFlow Serving (`docker` stands for any way to run it):",
        _code(
            f"python exports/export.py {name} --output=served",
            f'docker run -p 8500:8500 -v "$PWD/served/{name}:/models/{name}" -e MODEL_NAME={name} '
            "tensorflow/serving:2.15.1",
            language="sh",
        ),
        _code(
            "from rstg_tf.serving import Client",
            f'client = Client("{name}", "localhost:8500")',
            "probabilities = [answer.probabilities for answer in client.classify_clips(clips)]",
        ),
    ]
    return "\n\n".join(parts)


def contract(facts):
    """Inputs and outputs."""
    classes, channels = len(facts.class_names), facts.model.channels
    frames, height, width, _ = facts.metrics["data"]["clip_shape"]
    return (
        "## Input and output\n\n"
        f"- Input `clips`: uint8 `[B, T, H, W, {channels}]`, pixels 0 … 255; any B, T of at least "
        f"2, H and W of at least {facts.model.backbone.min_size}. Scaling is inside of the model. "
        f"It is meant for clips of {frames} frames of {height}×{width}.\n"
        f"- Outputs `logits` and `probabilities`: float32 `[B, {classes}]`.\n"
        "- The names of the classes, in this order, are in `assets/labels.txt`."
    )


def has_attention(model):
    """Whether nodes of the model's last block listen to one another."""
    return model.block is not None and model.block.variant != "time_only"


def _attention(model):
    *others, last = model.blocks
    place = f'"{last}"' if others else ""
    there = f"or {', '.join(map(repr, others))}; " if others else ""
    # Within a video ResNet there are fewer steps in time than frames.
    steps = "T" if model.backbone.per_frame else "steps"
    return (
        f"attention = model.attention(clips{', ' if place else ''}{place})"
        f"  # {there}[B, {steps}, K, E], edges in model.block.edges"
    )


def _code(*lines, language="python"):
    return "\n".join([f"```{language}", *lines, "```"])
