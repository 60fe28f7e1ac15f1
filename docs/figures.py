"""Writes the figures of all published models into README.md and docs/zoo.md.

    python docs/figures.py

What stands between the two comments of a page is made anew from `model_zoo`; the rest stays.
"""

import pathlib
import sys

REPOSITORY = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(REPOSITORY))

from rstg_tf.experiments.rows import INTERACTIONS, SOMETHING_SOMETHING, list_tables
from rstg_tf.hub import manifest, records

ZOO = REPOSITORY / "model_zoo"
BEGIN = "<!-- Figures: made by docs/figures.py, not by hand. -->"
END = "<!-- End of the figures. -->"
HEADINGS = {
    SOMETHING_SOMETHING: "Video ResNets, tested on Interactions",
    INTERACTIONS: "Small networks, tested on Interactions",
}
ON_INTERACTIONS = (SOMETHING_SOMETHING, INTERACTIONS)


def write():
    """Makes the figures of both pages anew."""
    for path, figures in pages().items():
        path.write_text(replaced(path.read_text(), figures))


def pages():
    """Dict from each page to the figures that belong there."""
    models = read_models()
    return {
        REPOSITORY / "README.md": render_short(models),
        REPOSITORY / "docs/zoo.md": render_all(models),
    }


def replaced(text, figures):
    """Returns the text of a page with these figures."""
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n\n{figures}\n\n{END}{after}"


def read_models():
    """List of `(table, row, entry, costs)`, one a published model, in the order of the tables."""
    entries = manifest.read_manifest(ZOO)
    return [
        (
            table,
            row,
            entries[row.experiment],
            records.read_costs(ZOO / row.experiment / "costs.json"),
        )
        for table, rows in list_tables()
        for row in rows
        if row.experiment in entries
    ]


def render_short(models):
    """The table of the README: every model that is tested on Interactions."""
    lines = [
        "| model | top-1 (95 %) | parameters | multiply-adds | clips/s |",
        "|---|---|---|---|---|",
    ]
    for table, _, entry, costs in models:
        if table.title in ON_INTERACTIONS:
            lines.append(
                _cells(f"`{entry['experiment']}`", _interval(entry, "top_1"), *_costs(costs))
            )
    return "\n".join(lines)


def render_all(models):
    """The tables of the zoo page: every published model."""
    parts = {}
    for table, row, entry, costs in models:
        heading = HEADINGS.get(table.title, f"{table.title}, {row.part}")
        parts.setdefault(heading, []).append((row, entry, costs))
    lines = []
    for heading, part in parts.items():
        pairs = any("within_pair" in entry["figures"] for _, entry, _ in part)
        columns = ["model", "row of the paper", "top-1 (95 %)"]
        columns += ["within pairs (95 %)"] if pairs else []
        columns += ["parameters", "multiply-adds", "clips/s", "videos seen"]
        lines += [f"### {heading}", "", _cells(*columns), "|---" * len(columns) + "|"]
        for row, entry, costs in part:
            figures = ["top_1", "within_pair"] if pairs else ["top_1"]
            lines.append(
                _cells(
                    f"`{entry['experiment']}`",
                    row.method or "",
                    *(_interval(entry, figure) for figure in figures),
                    *_costs(costs),
                    _videos(entry),
                )
            )
        lines.append("")
    return "\n".join(lines).rstrip()


def _interval(entry, figure):
    low, high = entry["figures"][f"{figure}_interval_95"]
    return f"{100 * entry['figures'][figure]:.1f} ({100 * low:.1f} … {100 * high:.1f})"


def _videos(entry):
    before = entry.get("started_from")
    return f"{entry['videos']:,}" + (f" after `{before}`" if before else "")


def _costs(costs):
    return (
        f"{costs['parameters']:,}",
        f"{costs['multiply_adds'] / 1e6:,.0f} M",
        f"{costs['clips_per_second']:,.0f}",
    )


def _cells(*cells):
    return f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    write()
