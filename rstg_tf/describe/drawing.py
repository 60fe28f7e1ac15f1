"""A picture of a model: its stages from top to bottom, and the regions of its graph."""

from typing import TYPE_CHECKING

from rstg_tf.describe.description import Description, format_shape
from rstg_tf.visualize import text_as_it_is

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_COLOURS = {"plain": "0.9", "graph": "#ffd28a", "non_local": "#b5d9f0"}
_LINE = "0.3"
# In the units of the picture, one for a row: half height of a box, and (left, right) of boxes.
_HALF = 0.3
_SUM = 0.47  # Below the middle of a row: where a branch comes back.
_ROW_INCHES = 0.72
_TRUNK, _BRANCH = (0.0, 5.4), (6.0, 11.4)
_MIDDLE = sum(_TRUNK) / 2


def draw(description: Description) -> "Figure":
    """Draws the stages as boxes with their shapes and costs, and the graph's regions.

    RSTG and non-local blocks stand beside the others where their output is added to what passes
    by.

    Args:
        description: a `Description`.

    Returns:
        A `matplotlib.figure.Figure`; `figure.savefig("model.png")` writes it.
    """
    from matplotlib.figure import Figure

    graphs = description.graphs
    branches = any(stage.branch for stage in description.stages)
    width = 8.5 if branches else 4.5
    height = max(_ROW_INCHES * (1 + len(description.stages)) + 0.8, 3.6 * len(graphs))
    figure = Figure(figsize=(width + (6 if graphs else 0), height), layout="constrained")
    stages = figure
    if graphs:
        stages, regions = figure.subfigures(1, 2, squeeze=False, width_ratios=(width, 6))[0]
        axes = regions.subplots(len(graphs), squeeze=False)[:, 0]
        for ax, graph in zip(axes, graphs, strict=True):
            graph.plot(ax, description.edges)
            ax.set_title(f"Regions of the RSTG blocks\n{ax.get_title()}", fontsize=10)
    ax = stages.subplots()
    _draw_stages(ax, description)
    ax.set_xlim(_TRUNK[0] - 0.1, (_BRANCH if branches else _TRUNK)[1] + 0.1)
    ax.set_ylim(len(description.stages) + 0.5, -0.5)
    ax.set_axis_off()
    (name,), properties = text_as_it_is([description.name])
    figure.suptitle(_title(description, name), fontsize=11, **properties)
    return figure


def _title(description, name):
    lines = [
        f"{name}, clip of {format_shape(description.clip_shape)}",
        _figures(description.stages),
    ]
    if description.graphs:
        blocks = [stage for stage in description.stages if stage.kind == "graph"]
        lines.append(f"RSTG blocks alone: {_figures(blocks)}")
    return "\n".join(lines)


def _figures(stages):
    parameters = sum(stage.trainable + stage.statistics for stage in stages)
    multiply_adds = sum(stage.multiply_adds for stage in stages)
    return f"{_short(parameters)} parameters   {_short(multiply_adds)} multiply-adds"


def _short(number):
    for unit, size in (("G", 1e9), ("M", 1e6), ("k", 1e3)):
        if number >= size:
            return f"{number / size:.1f} {unit}"
    return str(number)


def _draw_stages(ax, description):
    _draw_box(ax, 0, _TRUNK, "clip", format_shape(description.clip_shape), "white")
    above = 0
    for row, stage in enumerate(description.stages, start=1):
        costs = _figures([stage])
        _draw_box(
            ax,
            row,
            _BRANCH if stage.branch else _TRUNK,
            f"{stage.place}: {stage.what}",
            f"{format_shape(stage.shape)}   {costs}",
            _COLOURS[stage.kind],
        )
        if stage.branch:
            # A map is added right below its row; a vector to the output of the next stage.
            is_map = len(stage.shape) > 1
            _draw_branch(ax, row, row + _SUM if is_map else row + 1 + _SUM)
        else:
            _draw_arrow(ax, (_MIDDLE, above + _HALF), (_MIDDLE, row - _HALF))
            above = row


def _draw_branch(ax, row, end):
    """Lines from the trunk into the box of a row, and from there to a sum on the trunk at `end`."""
    middle, start = sum(_BRANCH) / 2, row - 1 + _SUM
    ax.plot([_MIDDLE, middle], [start, start], color=_LINE, lw=1.2, zorder=1)
    _draw_arrow(ax, (middle, start), (middle, row - _HALF))
    ax.plot([middle, middle], [row + _HALF, end], color=_LINE, lw=1.2, zorder=1)
    _draw_arrow(ax, (middle, end), (_MIDDLE + 0.1, end))
    ax.plot([_MIDDLE], [end], marker="o", ms=10, mfc="white", mec=_LINE, zorder=3)
    ax.plot([_MIDDLE], [end], marker="+", ms=6, mec="black", zorder=4)


def _draw_box(ax, row, sides, name, figures, colour):
    from matplotlib.patches import FancyBboxPatch

    left, right = sides
    ax.add_patch(
        FancyBboxPatch(
            (left, row - _HALF),
            right - left,
            2 * _HALF,
            boxstyle="round,pad=0,rounding_size=0.1",
            fc=colour,
            ec=_LINE,
            zorder=2,
        )
    )
    middle = (left + right) / 2
    text = {"ha": "center", "va": "center", "zorder": 3}
    ax.annotate(name, (middle, row - 0.11), fontsize=9, weight="bold", **text)
    ax.annotate(figures, (middle, row + 0.14), fontsize=7, **text)


def _draw_arrow(ax, start, end):
    ax.annotate(
        "",
        xy=end,
        xytext=start,
        arrowprops={"arrowstyle": "-|>", "color": _LINE, "shrinkA": 0, "shrinkB": 0},
        zorder=1,
    )
