"""The tables of a zoo in Markdown: the poster's figures, ours beside them, and what they say."""

from rstg_tf.zoo import published
from rstg_tf.zoo.markdown import inline

_EXPLANATIONS = {
    published.SOMETHING_SOMETHING: (
        "Published: on {title}, trained at full size. Ours: on the test set that the row names, "
        "which is other data where it is not {title}. Compare rows with one another, not the "
        "published columns with ours."
    ),
    published.SYNCMNIST: (
        "Who recognises the digits but not the two that are in synchrony gets one over the number "
        "of pairs: 33.3 % with 3 digits, 10 % with 5. A model is published only if it is better by "
        "more than its interval; until then its row says so, also where a training was tried "
        "([docs/syncmnist_recipe.md]({folder}../docs/syncmnist_recipe.md))."
    ),
}
_INTERACTIONS = (
    "The small experiments on Interactions, with no published figure to compare with. Within pairs "
    "is the choice between a class and its twin in reversed time, where a guess gives 50 %."
)
COMMAND = "python pipelines/build_zoo.py --only={}"


def render(entries, folder=""):
    """Writes the tables and what can be read from them.

    Args:
        entries: dict from name to what the manifest says, as `read_manifest` returns it. One
            without figures was not measured.
        folder: path of the zoo's folder as links need it, ending in "/"; "" for a file in it.

    Returns:
        Markdown text. A row whose experiment is not trained says so, with the command for it.
    """
    from rstg_tf.zoo.comparison import read_out

    sections = []
    for table in (published.SOMETHING_SOMETHING, published.SYNCMNIST):
        explanation = _EXPLANATIONS[table].format(title=table.title, folder=folder)
        sections += [f"## {table.title}", explanation]
        if table is published.SYNCMNIST:
            for column, title in enumerate(table.columns):
                rows = _digits_rows(table, column, entries, folder)
                sections += [f"### {title}", _to_markdown(rows)]
        else:
            sections.append(_to_markdown(_two_figures_rows(table, entries, folder)))
    rows = _interactions_rows(entries, folder)
    sections += ["## Interactions", _INTERACTIONS, _to_markdown(rows)]
    sections += ["## What the figures say", read_out(entries)]
    return "\n\n".join(sections) + "\n"


def entries_of(experiment, entries):
    """The entries that are trainings of an experiment and have figures: that of its name first.

    Args:
        experiment: name of the experiment, or None.
        entries: see `render`.

    Returns:
        List of names.
    """
    names = [
        name
        for name, about in entries.items()
        if about.get("figures") and about.get("experiment") == experiment
    ]
    return sorted(names, key=lambda name: (name != experiment, name))


def percent(figures, name):
    """A figure in percent with its interval: `97.5 (97.0 … 97.9)`.

    Args:
        figures: the figures of an entry.
        name: which one, such as `"top_1"`.

    Returns:
        The text, `–` where there is no such figure.
    """
    if figures.get(name) is None:
        return "–"
    low, high = figures[f"{name}_interval_95"]
    return f"{100 * figures[name]:.1f} ({100 * low:.1f} … {100 * high:.1f})"


def _two_figures_rows(table, entries, folder):
    for row in table.rows:
        theirs = {
            f"published {column}": _number(figure)
            for column, figure in zip(table.columns, row.figures, strict=True)
        }
        figures = {"ours top-1 (95 %)": "top_1", "ours top-5 (95 %)": "top_5"}
        theirs = {"model": row.method, **theirs}
        yield from _rows(theirs, row.experiments[0], figures, entries, folder)


def _digits_rows(table, column, entries, folder):
    for row in table.rows:
        experiment, figure = row.experiments[column], row.figures[column]
        if experiment or figure:
            theirs = {"model": row.method, "published": _number(figure)}
            yield from _rows(theirs, experiment, {"ours (95 %)": "top_1"}, entries, folder)


def _interactions_rows(entries, folder):
    from rstg_tf.experiments import list_experiments

    figures = {"top-1 (95 %)": "top_1", "within pairs (95 %)": "within_pair"}
    for experiment in list_experiments("interactions_*"):
        yield from _rows({"model": experiment}, experiment, figures, entries, folder)


def _rows(theirs, experiment, figures, entries, folder):
    """The rows of one experiment: one for each entry, or one that says that there is none."""
    from rstg_tf.experiments import list_experiments

    names = entries_of(experiment, entries)
    for name in names:
        about = entries[name]
        yield {
            **theirs,
            **{title: percent(about["figures"], figure) for title, figure in figures.items()},
            "test set": f"{inline(about['data'])}, {about['figures']['num_clips']:,} clips",
            "size": inline(about["size"]),
            "parameters": f"{about['parameters']:,}",
            "videos seen": _videos(about),
            "entry": _links(name, about, folder),
        }
    if not names:
        known = experiment is not None and list_experiments(experiment)
        published = any(about.get("experiment") == experiment for about in entries.values())
        trained = "not measured again" if published else "not trained"
        state = trained if known else "no experiment here"
        rest = dict.fromkeys(("test set", "size", "parameters", "videos seen"), "")
        command = f"`{COMMAND.format(experiment)}`" if known and not published else ""
        ours = dict.fromkeys(figures, state)
        yield {**theirs, **ours, **rest, "entry": command}


def _videos(about):
    start = about.get("started_from")
    return f"{about['videos']:,}{f', after {inline(start)}' if start else ''}"


def _links(name, about, folder):
    links = [f"[{name}]({folder}{name}/README.md)"]
    if "evaluation.ipynb" in about["files"]:
        links.append(f"[notebook]({folder}{name}/evaluation.ipynb)")
    return ", ".join(links)


def _number(figure):
    return "–" if figure is None else f"{figure:.1f}"


def _to_markdown(rows):
    import pandas as pd

    return pd.DataFrame(rows).to_markdown(index=False, disable_numparse=True)
