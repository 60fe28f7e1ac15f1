"""The card of a published model: `README.md` with a header in the form of Hugging Face."""

from typing import Any, NamedTuple

_HEADS = {
    "average": "the average over time and space",
    "rstg": "a Recurrent Space-time Graph over regions of the feature maps (RSTG)",
    "mean": "the average over time of one vector per frame: a control that is blind to order",
    "mean_lstm": "an LSTM over the average of each frame's feature map: a control without graph",
    "conv_lstm": "an LSTM over one convolved vector per frame: a control without graph",
}
_DATA = {
    "interactions": (
        "Interactions: clips rendered by `rstg_tf.data.interactions`, whose classes only the order "
        "of time tells apart. It stands in for Something-Something and is not Something-Something."
    ),
    "syncmnist": (
        "SyncMNIST: clips rendered by `rstg_tf.data.syncmnist`: several moving digits, of which "
        "two move in synchrony."
    ),
}
_CHECKSUMS = "## Checksums"
_FIGURES = {
    "top_1": "Top-1 accuracy",
    "top_5": "Top-5 accuracy",
    "within_pair": "Accuracy within pairs (the class or its twin in reversed time)",
    "no_pair": 'Accuracy on "no pair"',
    "macro_f1": "Macro-F1",
    "cohen_kappa": "Cohen's kappa",
}


class Facts(NamedTuple):
    """What a card tells.

    Attributes:
        name: name of the entry.
        config: the `Experiment` of the training.
        summary: `summary.json` of the training.
        metrics: `metrics.json` of the evaluation.
        model: the `VideoClassifier`.
        class_names: names of its classes.
        checksums: dict from path to sha256 of the files of the entry, without the card.
    """

    name: str
    config: Any
    summary: dict
    metrics: dict
    model: Any
    class_names: list
    checksums: dict


def render(facts):
    """Writes the card of a model.

    Args:
        facts: what there is to tell, `Facts`.

    Returns:
        The text of `README.md`.
    """
    sections = (
        _header(facts),
        _introduction(facts),
        _use(facts),
        _contract(facts),
        _figures(facts),
        _training(facts),
        _limits(facts),
        _licence(),
        _checksums(facts.checksums),
    )
    return "\n\n".join(sections) + "\n"


def render_conversion(facts, source):
    """Writes the card of a network that was converted from the authors' checkpoint.

    Args:
        facts: what there is to tell, `Facts`; of its metrics the shape of the clips only.
        source: what `conversion.json` holds.

    Returns:
        The text of `README.md`.
    """
    import yaml

    header = {
        "license": "apache-2.0",
        "library_name": "tf-keras",
        "pipeline_tag": "video-classification",
        "tags": ["video-classification", "tensorflow", "keras", facts.config.model.backbone.type],
    }
    sections = (
        f"---\n{yaml.safe_dump(header, sort_keys=False)}---",
        f"# {facts.name}\n\n"
        f"Classifies video clips into {len(facts.class_names)} classes: "
        f"{_architecture(facts)}\n\n"
        f"The weights are the authors': converted from the TensorFlow 1 checkpoint "
        f"`{source['checkpoint']}` (sha256 of its files `{source['checkpoint_sha256']}`) with the "
        f"config `{source['config']}`, whose flags are in `conversion.json`. "
        f"{facts.summary['parameters']:,} parameters.",
        _use(facts),
        _contract(facts),
        "## Figures\n\n"
        "Not measured here. `python pipelines/evaluate.py "
        f"model_zoo/{facts.name} --data=SHARDS` measures it on shards of the data set that it was "
        "trained on.",
        _licence(),
        _checksums(facts.checksums),
    )
    return "\n\n".join(sections) + "\n"


def with_checksums(text, checksums):
    """Gives a card the checksums of an entry whose files have changed.

    Args:
        text: the card; its checksums are its end.
        checksums: dict from path to sha256 of the files of the entry, without the card.

    Returns:
        The text of `README.md`.
    """
    before, _, _ = text.partition(f"\n{_CHECKSUMS}\n")
    return f"{before}\n{_checksums(checksums)}\n"


def _header(facts):
    import yaml

    about, figures = facts.metrics["data"], facts.metrics["figures"]
    results = [
        {"type": kind, "name": _FIGURES[name], "value": round(figures[name], 4)}
        for name, kind in (("top_1", "accuracy"), ("top_5", "accuracy"), ("macro_f1", "f1"))
    ]
    header = {
        "license": "apache-2.0",
        "library_name": "tf-keras",
        "pipeline_tag": "video-classification",
        "tags": ["video-classification", "tensorflow", "keras", facts.config.model.head.type],
        "datasets": [about["name"]],
        "metrics": ["accuracy", "f1"],
        "model-index": [
            {
                "name": facts.name,
                "results": [
                    {
                        "task": {"type": "video-classification"},
                        "dataset": {
                            "name": about["name"],
                            "type": about["name"],
                            "split": about["split"],
                        },
                        "metrics": results,
                    }
                ],
            }
        ],
    }
    return f"---\n{yaml.safe_dump(header, sort_keys=False)}---"


def _introduction(facts):
    return (
        f"# {facts.name}\n\n"
        f"Classifies video clips into {len(facts.class_names)} classes: {_architecture(facts)}\n"
        f"Trained on {_DATA[facts.config.train_data.source.type]}\n\n"
        f"Experiment `{facts.summary['experiment']}`, size `{facts.summary['size']}`, "
        f"{facts.summary['parameters']:,} parameters."
    )


def _architecture(facts):
    model, blocks = facts.config.model, facts.model.blocks
    graph = ""
    if blocks:
        block = facts.model.block
        grids = " + ".join(f"{rows}×{columns}" for rows, columns in block.scales)
        inside = [place for place in blocks if place != "final"]
        places = f" stands in {' and '.join(inside)} and" if inside else ""
        graph = (
            f" Its graph{places} has the regions of {grids} grids and {len(block.edges)} "
            f"directed edges, node dimension {block.node_dim}, message dimension "
            f"{block.message_dim}, {block.iterations} iterations, {block.attention} "
            f"attention, variant `{block.variant}`"
            f"{', positional' if block.positional else ''}."
        )
    per_frame = " per frame" if facts.model.backbone.per_frame else ""
    return f"`{model.backbone.type}`{per_frame}, then {_HEADS[model.head.type]}.{graph}"


def _use(facts):
    attention = "    attention = model.attention(clips)  # [B, T, K, E], edges in model.block.edges"
    lines = [
        "## How to use",
        "",
        "With Keras 2.15 alone:",
        "",
        "```python",
        "import keras",
        "",
        f'model = keras.models.load_model("model_zoo/{facts.name}")',
        "probabilities = model.predict(clips)"
        f'["probabilities"]  # uint8 [B, T, H, W, {facts.model.channels}]',
        f'names = open("model_zoo/{facts.name}/assets/labels.txt").read().splitlines()',
        "```",
        "",
        "With RSTG-TF, which checks the files and gives the real layers:",
        "",
        "```python",
        "import rstg_tf",
        "",
        f'model = rstg_tf.load_model("{facts.name}")',
        "outputs = model(clips)",
        *([attention.strip()] if facts.model.block is not None else []),
        "```",
    ]
    return "\n".join(lines)


def _contract(facts):
    classes, channels = len(facts.class_names), facts.model.channels
    frames, height, width, _ = facts.metrics["data"]["clip_shape"]
    return (
        "## Input and output\n\n"
        f"- Input `clips`: uint8 `[B, T, H, W, {channels}]`, pixels 0 … 255; any B, T of at least "
        f"2, H and W of at least {facts.model.backbone.min_size}. Scaling is inside of the model. "
        f"It was trained on clips of {frames} frames of {height}×{width}.\n"
        f"- Outputs `logits` and `probabilities`: float32 `[B, {classes}]`.\n"
        "- The names of the classes, in this order, are in `assets/labels.txt`."
    )


def _figures(facts):
    figures, about = facts.metrics["figures"], facts.metrics["data"]
    rows = [
        f"| {text} | {_value(figures, name)} | {_interval(figures, name)} |"
        for name, text in _FIGURES.items()
        if figures.get(name) is not None
    ]
    asked = f"seed {about['seed']}" if "seed" in about else f"shards `{about['shards']}`"
    digits = f", digits of {about['digits']}" if "digits" in about else ""
    return "\n".join(
        [
            "## Figures",
            "",
            f"On {figures['num_clips']:,} clips of {about['name']}, split {about['split']}, {asked}"
            f"{digits}; {facts.metrics['protocol']}. Chance is {figures['chance']:.1%}.",
            "",
            "| | value | 95 % interval |",
            "|---|---|---|",
            *rows,
            "",
            f"Made by `{facts.metrics['command']}` with TensorFlow {facts.metrics['tensorflow']}.",
            *(
                ["", "![Confusion matrix](confusion_matrix.png)"]
                if "confusion_matrix.png" in facts.checksums
                else []
            ),
        ]
    )


def _training(facts):
    config, summary = facts.config, facts.summary
    data, trainer = config.train_data, config.trainer
    optimizer, schedule = trainer.optimizer_config.optimizer, trainer.optimizer_config.learning_rate
    options = ", ".join(f"{k}={v}" for k, v in data.source.get().as_dict().items() if v is not None)
    ema = trainer.optimizer_config.ema
    best = summary["best_validation"]
    return "\n".join(
        [
            "## Training",
            "",
            f"- Data: `{data.source.type}`, split {data.split}, seed {data.seed}"
            f"{', from shards' if data.input_path else ', made on the fly'} ({options}).",
            f"- Recipe: {optimizer.type.removesuffix('_experimental')}, {schedule.type} schedule "
            f"from {_learning_rate(schedule.get())}, batch {data.global_batch_size}, "
            f"{summary['steps']:,} steps, label smoothing {trainer.label_smoothing}, dropout "
            f"{config.model.dropout}, weights averaged with decay "
            f"{ema.average_decay if ema else 0:.4g}, {config.runtime.mixed_precision_dtype}; all "
            "settings in `config.yaml`.",
            f"- {summary['videos']:,} videos seen in {summary['minutes']} minutes on "
            f"{summary['hardware']}; seed {summary['seed']}, commit {summary['commit']}.",
            f"- Weights of step {best['step']:,}, the best of the validations: accuracy "
            f"{best['accuracy']:.4f} on split {config.validation_data.split}.",
        ]
    )


def _limits(facts):
    return (
        "## Limits\n\n"
        "Trained on rendered clips only: it knows nothing of filmed ones, and its figures hold for "
        f"clips like those of {facts.metrics['data']['name']}. Other numbers of frames and other "
        "sizes run, but were not measured. One training, one seed."
    )


def _licence():
    return (
        "## Licence and citation\n\n"
        "Apache-2.0. The model is that of\n\n"
        "```bibtex\n"
        "@inproceedings{nicolicioiu2019recurrent,\n"
        "  title     = {Recurrent Space-time Graph Neural Networks},\n"
        "  author    = {Nicolicioiu, Andrei and Duta, Iulia and Leordeanu, Marius},\n"
        "  booktitle = {Advances in Neural Information Processing Systems},\n"
        "  year      = {2019}\n"
        "}\n"
        "```"
    )


def _checksums(checksums):
    rows = [f"{checksum}  {path}" for path, checksum in checksums.items()]
    return "\n".join(
        [
            _CHECKSUMS,
            "",
            "sha256, as in `manifest.json`, which has this card's, too:",
            "",
            "```",
            *rows,
            "```",
        ]
    )


def _value(figures, name):
    if f"{name}_interval_95" in figures:
        return f"{figures[name]:.1%}"
    return f"{figures[name]:.4f}"


def _interval(figures, name):
    if f"{name}_interval_95" not in figures:
        return ""
    low, high = figures[f"{name}_interval_95"]
    clips = f" ({figures['no_pair_num_clips']} clips)" if name == "no_pair" else ""
    return f"{low:.1%} … {high:.1%}{clips}"


def _learning_rate(schedule):
    for name in ("initial_learning_rate", "learning_rate", "values"):
        if hasattr(schedule, name):
            return getattr(schedule, name)
    return "its own rate"
