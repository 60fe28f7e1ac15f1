"""What a model is worth, what was published for it, and what it costs."""

from rstg_tf.experiments import rows
from rstg_tf.zoo.card.introduction import is_rendered
from rstg_tf.zoo.card.use import has_attention
from rstg_tf.zoo.markdown import code, inline

_ROWS = {
    "top_1": "Top-1 accuracy",
    "top_5": "Top-5 accuracy",
    "within_pair": "Accuracy within pairs (the class or its twin in reversed time)",
    "no_pair": 'Accuracy on "no pair"',
    "macro_f1": "Macro-F1",
    "cohen_kappa": "Cohen's kappa",
}


def measured(facts):
    """The figures with their protocol and intervals."""
    figures, about = facts.metrics["figures"], facts.metrics["data"]
    measured_rows = [
        f"| {text} | {_value(figures, name)} | {_interval(figures, name)} |"
        for name, text in _ROWS.items()
        if figures.get(name) is not None
    ]
    asked = f"seed {about['seed']}" if "seed" in about else f"shards {code(about['shards'])}"
    digits = f", digits of {inline(about['digits'])}" if "digits" in about else ""
    chance = f"{figures['chance']:.1%}{_chance(about)}"
    lines = [
        "## Figures",
        "",
        f"On {figures['num_clips']:,} clips of {inline(about['name'])}, split "
        f"{inline(about['split'])}, {asked}{digits}; {inline(facts.metrics['protocol'])}. Chance "
        f"is {chance}.",
        "",
        "| | value | 95 % interval |",
        "|---|---|---|",
        *measured_rows,
        "",
        f"Made by {code(facts.metrics['command'])} with TensorFlow "
        f"{inline(facts.metrics['tensorflow'])}.",
    ]
    if facts.metrics.get("chose_weights"):
        lines += [
            "",
            "**The weights were chosen among those of the training by their accuracy on this very "
            "split**, as is usual where no other with labels was given out: the figures are a "
            "little better than on clips that took no part in it.",
        ]
    if "evaluation.ipynb" in facts.checksums:
        lines += [
            "",
            "[evaluation.ipynb](evaluation.ipynb) measures it again on other clips, with examples, "
            "accuracy against the number of frames seen"
            f"{', and who listens to whom' if has_attention(facts.model) else ''}.",
        ]
    if "confusion_matrix.png" in facts.checksums:
        lines += ["", "![Confusion matrix](confusion_matrix.png)"]
    return "\n".join(lines)


def beside_published(facts):
    """The published figure beside ours, where there is one."""
    experiment, title = facts.training["experiment"], "## Beside the published figure"
    row = rows.find_row(experiment)
    if row is None or (row.top_1 or row.top_5) is None:
        of_paper = row is not None and row.table in (rows.SOMETHING_SOMETHING, rows.SYNCMNIST)
        none = f"{title}\n\nThe paper's table has no figure for this row."
        return none if of_paper else ""
    figures, data = facts.metrics["figures"], facts.metrics["data"]["name"]
    lines = [
        title,
        "",
        f"| | here: {inline(data)}, size {code(facts.training['size'], in_table=True)} | "
        f"published: “{row.name}”, {row.data} |",
        "|---|---|---|",
    ]
    for name, theirs in (("top_1", row.top_1), ("top_5", row.top_5)):
        if theirs is not None:
            ours = f"{_value(figures, name)} ({_interval(figures, name)})"
            lines.append(f"| {_ROWS[name]} | {ours} | {theirs}% |")
    return "\n".join([*lines, "", _remark(facts)]).rstrip()


def costs(facts):
    """Parameters, multiply-adds and speed."""
    costs, graph = facts.costs, facts.costs["graph"]
    clip = "×".join(map(str, costs["clip_shape"]))
    of_graph = (
        [f", {graph[name]:,} of them in the graph" for name in ("parameters", "multiply_adds")]
        if facts.model.blocks
        else ["", ""]
    )
    return (
        "## Costs\n\n"
        f"- {costs['parameters']:,} parameters{of_graph[0]}.\n"
        f"- {costs['multiply_adds']:,} multiply-adds for a clip of {clip}{of_graph[1]}.\n"
        f"- {costs['clips_per_second']:.3g} clips/s on {inline(costs['hardware'])}: the fastest of "
        f"several batches of {costs['batch_size']}."
    )


def _chance(about):
    if not about["name"].startswith("syncmnist"):
        return ""
    return ", one over the number of pairs: of who knows the digits but not which two are a pair"


def _remark(facts):
    """What to think of a published figure beside ours."""
    from rstg_tf.experiments.config import SyncMNIST

    about = facts.metrics["data"]
    if about["name"].startswith("syncmnist"):
        options = about.get("options", {})
        if options.get("persistence"):
            return (
                "Not the same task: here digits keep their steps (persistence "
                f"{inline(options['persistence'])})."
            )
        if options.get("no_pair", SyncMNIST.no_pair) != SyncMNIST.no_pair:
            return (
                f"Not the same task: here {options['no_pair']:.1%} of the videos have no pair in "
                f"synchrony, there {SyncMNIST.no_pair:.1%}."
            )
        return (
            "The same task; the published model has 512 filters and node dimensions and was "
            "trained on 600,000 videos for many epochs."
        )
    if is_rendered(about):
        return (
            "Other data, other classes and another size: these figures can't be compared with one "
            "another, only differences between rows with differences between rows, where models "
            f"saw as many videos. This one saw {facts.training['videos']:,}."
        )
    return ""


def _value(figures, name):
    if f"{name}_interval_95" in figures:
        return f"{figures[name]:.1%}"
    return f"{figures[name]:.4f}"


def _interval(figures, name):
    if f"{name}_interval_95" not in figures:
        return ""
    low, high = figures[f"{name}_interval_95"]
    clips = f" ({figures['no_pair_num_clips']} clips)" if f"{name}_num_clips" in figures else ""
    return f"{low:.1%} … {high:.1%}{clips}"
