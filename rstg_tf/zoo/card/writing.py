"""The card as files of an entry: `README.md`, its pictures, and what the model costs."""

import json
import pathlib

from rstg_tf.hub import records
from rstg_tf.visualize import save_png
from rstg_tf.zoo import costs
from rstg_tf.zoo.card.facts import FILE_NAME, read_facts
from rstg_tf.zoo.card.text import render

LOG = "log.csv"


def write_card(entry, name, model):
    """Writes `README.md`, `architecture.png`, and `learning_curve.png` where there is a log.

    Costs are measured where there is no `costs.json`.

    Args:
        entry: folder of the entry, with `config.yaml`, `metrics.json` and `training.json`.
        name: name of the entry.
        model: its `VideoClassifier`.
    """
    from rstg_tf.describe import describe, draw
    from rstg_tf.runs.log import draw_learning_curve

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
