"""The card of a published model: `README.md` with a header in the form of Hugging Face.

Its text is `templates/card.md.j2`; here are the facts that it is filled in with.
"""

import json
import pathlib
import re
from typing import Any, NamedTuple

import jinja2
import numpy as np
from markupsafe import Markup

from rstg_tf.describe import describe, draw
from rstg_tf.experiments import Experiment, apply_file, rows
from rstg_tf.experiments.config import source
from rstg_tf.hub import manifest, records, saved_model
from rstg_tf.registry import HEADS
from rstg_tf.runs.log import draw_learning_curve
from rstg_tf.text import markdown, printable
from rstg_tf.visualize import save_png
from rstg_tf.zoo import costs

FILE_NAME = "README.md"
LOG = "log.csv"
_FIGURES = {
    "top_1": "Top-1 accuracy",
    "top_5": "Top-5 accuracy",
    "within_pair": "Accuracy within pairs (the class or its twin in reversed time)",
    "no_pair": 'Accuracy on "no pair"',
    "macro_f1": "Macro-F1",
    "cohen_kappa": "Cohen's kappa",
}
# Characters that are never markup in the middle of a line, and no address that becomes a link.
_PLAIN = re.compile(
    r"(?!.*(?:://|www\.))(?:[a-z0-9 ,.;:()%@/+=×…'-]|(?<=[a-z0-9])_(?=[a-z0-9]))*", re.IGNORECASE
)


class Facts(NamedTuple):
    """What a card tells.

    `metrics`, `training`, `costs` and `conversion` hold JSON files of the entry, `checksums` sha256
    by path without the card's. `conversion` is None unless the weights are the authors': then of
    `metrics` only the clip shape counts, of `training` only the parameters.
    """

    name: str
    model: Any
    class_names: list[str]
    config: Any
    metrics: dict
    training: dict
    costs: dict
    checksums: dict[str, str]
    conversion: dict | None = None


def read_facts(entry, name, model):
    """Reads what a card tells of a published training; `model` is its `VideoClassifier`."""
    entry = pathlib.Path(entry)
    checksums = manifest.checksums(entry)
    checksums.pop(FILE_NAME, None)
    return Facts(
        name=name,
        model=model,
        class_names=saved_model.read_class_names(entry),
        config=apply_file(Experiment(), entry / "config.yaml"),
        metrics=records.read_metrics(entry / "metrics.json"),
        training=records.read_summary(entry / "training.json"),
        costs=records.read_costs(entry / costs.FILE_NAME),
        checksums=checksums,
    )


def write_card(entry, name, model):
    """Writes `README.md`, `architecture.png`, and, from a log, `learning_curve.png`.

    The folder holds `config.yaml`, `metrics.json` and `training.json`. Costs are measured if
    `costs.json` is missing.
    """
    entry = pathlib.Path(entry)
    clip_shape = records.read_metrics(entry / "metrics.json")["data"]["clip_shape"]
    description = describe(model, tuple(clip_shape[:3]), name)
    save_png(draw(description), entry / "architecture.png")
    if (entry / LOG).is_file():
        save_png(draw_learning_curve(entry / LOG), entry / "learning_curve.png")
    if not (entry / costs.FILE_NAME).is_file():
        measured = costs.measure_costs(model, description)
        (entry / costs.FILE_NAME).write_text(json.dumps(measured, indent=2) + "\n")
    (entry / FILE_NAME).write_text(render(read_facts(entry, name, model)))


def render(facts):
    """Makes the text of `README.md` from `Facts`."""
    page = jinja2.Environment(
        loader=jinja2.PackageLoader("rstg_tf.zoo"),
        autoescape=True,
        finalize=_inline,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        undefined=jinja2.StrictUndefined,
    )
    page.filters |= {
        "code": _code,
        "number": "{:,}".format,
        "percent": "{:.1%}".format,
        "prose": _prose,
    }
    text = page.get_template("card.md.j2").render(_context(facts))
    # Parts that are left out leave their blank lines behind.
    return f"---\n{_header(facts)}---\n\n" + re.sub(r"\n{3,}", "\n\n", text)


def inline(text):
    """Markdown for a part of a line or a table cell; plain text stays as it is."""
    text = str(text)
    return text if _PLAIN.fullmatch(text) else markdown(text)


def has_attention(model):
    """Whether nodes of the model's last block attend to one another."""
    return model.block is not None and model.block.variant != "time_only"


def _inline(value):
    """What the template prints: escaped, where it is not made as Markdown."""
    return value if isinstance(value, Markup) else Markup(inline(value))


def _prose(text):
    """Words that may hold spans of code, as `` `norm=batch` ``, on one line."""
    parts = re.split(r"`([^`]+)`", text)
    pieces = (_code(part) if place % 2 else inline(part) for place, part in enumerate(parts))
    return Markup("").join(map(Markup, pieces))


def _code(text, in_table=False):
    """Text as a span of code."""
    text = printable(text).replace("|", r"\|" if in_table else "|")
    longest = max(map(len, re.findall("`+", text)), default=0)
    fence, space = "`" * (longest + 1), " " * ("`" in text)
    return Markup(f"{fence}{space}{text}{space}{fence}")


def _context(facts):
    """What the template knows: the fields of `Facts` and what follows from them."""
    config, model, metrics = facts.config, facts.model, facts.metrics
    data, figures, trainer = metrics["data"], metrics.get("figures", {}), config.trainer
    row = rows.find_row(facts.training.get("experiment"))
    places, head = list(model.blocks), config.model.head.type
    paper_no_pair = source("syncmnist").syncmnist.no_pair
    return {
        **facts._asdict(),
        "backbone": _backbone(facts),
        "head": Markup(HEADS.about(head).get("summary", f"the head `{head}`")),
        "blocks": places,
        "attends": has_attention(model),
        "adds_to_average": head == "average" and "final" in places,
        "within_backbone": "final" not in places,
        "grids": " + ".join(f"{h}×{w}" for h, w in model.block.scales) if places else "",
        "data": data,
        "options": {"persistence": 0, "no_pair": paper_no_pair, **data.get("options", {})},
        "figures": figures,
        "figure_names": _FIGURES,
        "value": lambda name: _value(figures, name),
        "interval": lambda name: _interval(figures, name),
        # Older metrics do not say so.
        "rendered": data.get("rendered", "generator" in data),
        "row": row,
        "of_paper": row is not None and row.table in (rows.SOMETHING_SOMETHING, rows.SYNCMNIST),
        "published": {
            name: getattr(row, name) for name in ("top_1", "top_5") if getattr(row, name, None)
        },
        "paper_no_pair": paper_no_pair,
        "train": config.train_data,
        "settings": {
            name: setting
            for name, setting in config.train_data.source.get().as_dict().items()
            if setting is not None
        },
        "trainer": trainer,
        "optimization": trainer.optimizer_config,
        "learning_rate": _learning_rate(trainer.optimizer_config.learning_rate.get()),
    }


def _header(facts):
    """The YAML header, with the figures where it was measured."""
    import yaml

    model = facts.config.model
    kind = "rstg" if facts.model.blocks else model.head.type
    header = {
        "license": "apache-2.0",
        "library_name": "tf-keras",
        "pipeline_tag": "video-classification",
        "tags": ["video-classification", "tensorflow", "keras", model.backbone.type, kind],
    }
    if facts.conversion is None:
        about, figures = facts.metrics["data"], facts.metrics["figures"]
        results = {"top_1": "accuracy", "top_5": "accuracy", "macro_f1": "f1"}
        result = {
            "task": {"type": "video-classification"},
            "dataset": {"name": about["name"], "type": about["name"], "split": about["split"]},
            "metrics": [
                {"type": kind, "name": _FIGURES[name], "value": round(figures[name], 4)}
                for name, kind in results.items()
            ],
        }
        header |= {
            "datasets": [about["name"]],
            "metrics": ["accuracy", "f1"],
            "model-index": [{"name": facts.name, "results": [result]}],
        }
    return yaml.safe_dump(header, sort_keys=False)


def _backbone(facts):
    backbone = facts.config.model.backbone
    if backbone.type != "video_resnet":
        per_frame = " per frame" if facts.model.backbone.per_frame else ""
        return _code(backbone.type) + per_frame
    kernels = backbone.video_resnet.temporal_kernels.as_dict()
    in_time = any(np.max(sizes) > 1 for sizes in kernels.values())
    kind = "I3D: kernels over several frames" if in_time else "C2D: each kernel sees one frame"
    places = backbone.video_resnet.non_local
    non_local = f", with non-local blocks in {' and '.join(places)}" if places else ""
    return _code("video_resnet") + f" ({kind}){non_local}"


def _value(figures, name):
    return f"{figures[name]:.1%}" if f"{name}_interval_95" in figures else f"{figures[name]:.4f}"


def _interval(figures, name):
    if f"{name}_interval_95" not in figures:
        return ""
    low, high = figures[f"{name}_interval_95"]
    clips = f" ({figures['no_pair_num_clips']} clips)" if f"{name}_num_clips" in figures else ""
    return f"{low:.1%} … {high:.1%}{clips}"


def _learning_rate(schedule):
    for name in ("initial_learning_rate", "learning_rate", "values"):
        if hasattr(schedule, name):
            return getattr(schedule, name)
    return "its own rate"
