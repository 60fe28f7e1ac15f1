"""What a model is: the header for Hugging Face, the first lines, the architecture."""

import numpy as np

from rstg_tf.experiments import rows
from rstg_tf.zoo.card.use import has_attention
from rstg_tf.zoo.markdown import code

_HEADS = {
    "average": "the average over time and space",
    "rstg": "a Recurrent Space-time Graph over regions of the feature maps (RSTG)",
    "mean": "the average over time of one vector per frame: a control that is blind to order",
    "mean_lstm": "an LSTM over the average of each frame's feature map: a control without graph",
    "conv_lstm": "an LSTM over one convolved vector per frame: a control without graph",
}
_RESULTS = (
    ("accuracy", "Top-1 accuracy", "top_1"),
    ("accuracy", "Top-5 accuracy", "top_5"),
    ("f1", "Macro-F1", "macro_f1"),
)


def short_header(facts):
    """The YAML header of a model that was not measured."""
    return _yaml(_header(facts))


def header(facts):
    """The YAML header, with the figures."""
    about, figures = facts.metrics["data"], facts.metrics["figures"]
    dataset = {"name": about["name"], "type": about["name"], "split": about["split"]}
    result = {
        "task": {"type": "video-classification"},
        "dataset": dataset,
        "metrics": [
            {"type": kind, "name": name, "value": round(figures[figure], 4)}
            for kind, name, figure in _RESULTS
        ],
    }
    return _yaml(
        {
            **_header(facts),
            "datasets": [about["name"]],
            "metrics": ["accuracy", "f1"],
            "model-index": [{"name": facts.name, "results": [result]}],
        }
    )


def what_it_is(facts):
    """The first lines: what it classifies, and what it was trained on."""
    lines = [f"# {facts.name}"]
    experiment, data = facts.training["experiment"], facts.metrics["data"]
    row = rows.find_row(experiment)
    if row is not None and row.flags is not None and is_rendered(data):
        lines += [
            f"**Trained on Interactions, not on Something-Something.** It has the architecture of "
            f"the row “{row.name}” of the paper's table on {row.table}, at size "
            f"{code(facts.training['size'])}, but it knows {len(facts.class_names)} classes of "
            "rendered clips. The paper's weights, for who holds the authors' TensorFlow 1 "
            "checkpoint:",
            "```sh\n"
            f"python pipelines/convert_checkpoint.py --config={experiment} "
            "--checkpoint=MODEL.ckpt --output=model_zoo/NAME --labels=LABELS.txt\n```",
        ]
    lines += [
        f"Classifies video clips into {len(facts.class_names)} classes. Trained on {_data(facts)}",
        f"Experiment {code(experiment)}, size {code(facts.training['size'])}, "
        f"{facts.training['parameters']:,} parameters.",
    ]
    return "\n\n".join(lines)


def what_was_converted(facts, source):
    """The first lines of a network with the authors' weights."""
    return (
        f"# {facts.name}\n\n"
        f"Classifies video clips into {len(facts.class_names)} classes: "
        f"{_architecture(facts)}\n\n"
        f"The weights are the authors': converted from the TensorFlow 1 checkpoint "
        f"{code(source['checkpoint'])} (sha256 of its files `{source['checkpoint_sha256']}`) with "
        f"the config {code(source['config'])}, whose flags are in `conversion.json`. "
        f"{facts.training['parameters']:,} parameters."
    )


def architecture(facts):
    """The architecture, in words and as a picture."""
    return (
        f"## Architecture\n\n{_architecture(facts)}\n\n"
        "![Stages with shapes, parameters and multiply-adds"
        f"{', and the regions of the graph' if facts.model.blocks else ''}](architecture.png)"
    )


def is_rendered(about):
    """Whether the clips of a test set are made by program; before it was noted, a generator's."""
    return about.get("rendered", "generator" in about)


def _data(facts):
    name = facts.metrics["data"]["name"]
    if name == "interactions":
        return (
            "Interactions: clips rendered by `rstg_tf.data.Interactions`, of actions in pairs that "
            "only the order of time tells apart. It stands in for Something-Something and is not "
            "Something-Something."
        )
    if name.startswith("syncmnist"):
        return (
            "SyncMNIST: clips rendered by `rstg_tf.data.SyncMNIST`: several moving digits, of "
            "which two move in synchrony."
        )
    return f"the data set {code(name)}."


def _architecture(facts):
    model, blocks = facts.config.model, facts.model.blocks
    graph = ""
    if blocks:
        block = facts.model.block
        grids = " + ".join(f"{rows}×{columns}" for rows, columns in block.scales)
        places = f" stands in {' and '.join(blocks)} and"
        if "final" in blocks:
            after = model.backbone.type == "video_resnet"
            places = " stands after res5, adds its vector to the average and" if after else ""
        listening = (
            f", message dimension {block.message_dim}, {block.iterations} iterations, "
            f"{block.attention} attention{', positional' if block.positional else ''}"
            if has_attention(facts.model)
            else f", {block.iterations} iterations, in which no node hears another"
        )
        edges = f" and {len(block.edges)} directed edges" if has_attention(facts.model) else ""
        graph = (
            f" Its graph{places} has the regions of {grids} grids{edges}, node dimension "
            f"{block.node_dim}{listening}, variant `{block.variant}`."
        )
    return f"{_backbone(facts)}, then {_HEADS[model.head.type]}.{graph}"


def _backbone(facts):
    backbone = facts.config.model.backbone
    if backbone.type != "video_resnet":
        return f"`{backbone.type}`{' per frame' if facts.model.backbone.per_frame else ''}"
    kernels = backbone.video_resnet.temporal_kernels.as_dict()
    in_time = any(np.max(sizes) > 1 for sizes in kernels.values())
    kind = "I3D: kernels over several frames" if in_time else "C2D: each kernel sees one frame"
    places = backbone.video_resnet.non_local
    non_local = f", with non-local blocks in {' and '.join(places)}" if places else ""
    return f"`video_resnet` ({kind}){non_local}"


def _header(facts):
    model = facts.config.model
    kind = "rstg" if facts.model.blocks else model.head.type
    return {
        "license": "apache-2.0",
        "library_name": "tf-keras",
        "pipeline_tag": "video-classification",
        "tags": ["video-classification", "tensorflow", "keras", model.backbone.type, kind],
    }


def _yaml(header):
    import yaml

    return f"---\n{yaml.safe_dump(header, sort_keys=False)}---"
