"""The tables of a zoo in Markdown: the poster's figures, ours beside them, and what they say."""

from rstg_tf import files
from rstg_tf.experiments import SIZES, list_experiments
from rstg_tf.experiments.rows import compared_pairs, find_row, list_tables
from rstg_tf.hub import manifest
from rstg_tf.zoo.card import inline

README = "README.md"
_BEGIN = "<!-- Tables: made by pipelines/build_zoo.py and publish.py, not by hand. -->"
_END = "<!-- End of the tables. -->"
_COLUMNS = {"top_1": "top-1", "top_5": "top-5", "within_pair": "within pairs"}
COMMAND = "python pipelines/build_zoo.py --only={}"


def refresh(zoo=None):
    """Remakes the tables in a zoo's `README.md` from its manifest, and returns the path.

    The text around them stays; a missing file is written with the tables alone.
    """
    zoo = manifest.zoo_directory(zoo)
    zoo.mkdir(parents=True, exist_ok=True)
    path = zoo / README
    with files.locked(zoo):
        text = path.read_text() if path.exists() else "# Model zoo\n"
        before, _, rest = text.partition(_BEGIN)
        _, _, after = rest.partition(_END)
        made = render(manifest.read_manifest(zoo))
        with files.written_whole(path) as part:
            part.write_text(f"{before.rstrip()}\n\n{_BEGIN}\n\n{made}\n{_END}\n{after.lstrip()}")
    return path


def render(entries, folder=""):
    """Markdown of the tables and of what can be read from them.

    An entry without figures counts as not measured. `folder` is the path of the zoo for links, with
    a "/" at its end, or "" for a file in the zoo.
    """
    sections = []
    for table, rows in list_tables():
        sections += [f"## {table.title}", table.explanation.format(folder=folder)]
        for part in dict.fromkeys(row.part for row in rows):
            sections += [f"### {part}" if part else ""]
            sections += [_to_markdown(table, [r for r in rows if r.part == part], entries, folder)]
    sections += ["## What the figures say", read_out(entries)]
    return "\n\n".join(filter(None, sections)) + "\n"


def read_out(entries):
    """Markdown that says which models are better, where 95 % intervals of top-1 do not overlap.

    It names the pairs that can't be told apart, and leaves out those that are not both published or
    were tested on different clips.
    """
    sentences, undecided = [], []
    for size in SIZES:
        for pair in compared_pairs():
            pair = [manifest.entry_name(name, size) for name in pair]
            if not _are_comparable(*(entries.get(name) for name in pair)):
                continue
            better = _better(pair, entries)
            if better is None:
                undecided.append("`{}` and `{}`".format(*pair))
            else:
                sentences.append(f"- {_sentence(*better, entries)}")
    if undecided:
        sentences.append(f"- Their intervals do not tell apart: {'; '.join(undecided)}.")
    if not sentences:
        return "No two models that could be compared are published yet."
    rule = (
        "Top-1 of models that were tested on the same clips; one is called better only where the "
        "95 % intervals do not overlap. The intervals are those of the test clips: one training "
        "each, so another seed may move a figure by more."
    )
    return "\n".join([rule, "", *sentences])


def percent(figures, name):
    """A figure in percent with its interval, `97.5 (97.0 … 97.9)`; `–` if there is none."""
    if figures.get(name) is None:
        return "–"
    low, high = figures[f"{name}_interval_95"]
    return f"{100 * figures[name]:.1f} ({100 * low:.1f} … {100 * high:.1f})"


def _to_markdown(table, rows, entries, folder):
    import pandas as pd

    published = [name for name in ("top_1", "top_5") if any(getattr(row, name) for row in rows)]
    lines = []
    for row in rows:
        theirs = {f"published {_COLUMNS[name]}": _number(getattr(row, name)) for name in published}
        ours = {f"ours {_COLUMNS[name]} (95 %)": name for name in table.figures}
        lines += _lines({"model": row.name, **theirs}, row.experiment, ours, entries, folder)
    return pd.DataFrame(lines).to_markdown(index=False, disable_numparse=True)


def _lines(theirs, experiment, ours, entries, folder):
    """The lines of one row: one for each entry, or one that says that there is none."""
    names = [
        name
        for name, about in entries.items()
        if about.get("figures") and about.get("experiment") == experiment
    ]
    for name in sorted(names, key=lambda name: (name != experiment, name)):
        about = entries[name]
        start = about.get("started_from")
        yield {
            **theirs,
            **{title: percent(about["figures"], figure) for title, figure in ours.items()},
            "test set": f"{inline(about['data'])}, {about['figures']['num_clips']:,} clips",
            "size": inline(about["size"]),
            "parameters": f"{about['parameters']:,}",
            "videos seen": f"{about['videos']:,}{f', after {inline(start)}' if start else ''}",
            "entry": _links(name, about, folder),
        }
    if not names:
        known = experiment is not None and list_experiments(experiment)
        published = any(about.get("experiment") == experiment for about in entries.values())
        trained = "not measured again" if published else "not trained"
        state = trained if known else "no experiment here"
        rest = dict.fromkeys(("test set", "size", "parameters", "videos seen"), "")
        command = f"`{COMMAND.format(experiment)}`" if known and not published else ""
        yield {**theirs, **dict.fromkeys(ours, state), **rest, "entry": command}


def _links(name, about, folder):
    links = [f"[{name}]({folder}{name}/README.md)"]
    if "evaluation.ipynb" in about["files"]:
        links.append(f"[notebook]({folder}{name}/evaluation.ipynb)")
    return ", ".join(links)


def _number(figure):
    return "–" if figure is None else f"{figure:.1f}"


def _are_comparable(first, second):
    if not all(about and about.get("figures") for about in (first, second)):
        return False
    return all(first.get(key) == second.get(key) for key in ("test_set", "size"))


def _better(pair, entries):
    """The pair with the better one first, or None where their intervals overlap."""
    for first, second in (pair, pair[::-1]):
        low, high = (entries[n]["figures"]["top_1_interval_95"] for n in (first, second))
        if low[0] > high[1]:
            return first, second
    return None


def _sentence(better, worse, entries):
    first, second = (entries[name]["figures"]["top_1"] for name in (better, worse))
    text = (
        f"`{better}` is better than `{worse}` by {100 * (first - second):.1f} points "
        f"({100 * first:.1f} % and {100 * second:.1f} %)"
    )
    videos = [entries[name]["videos"] for name in (better, worse)]
    if videos[0] != videos[1]:
        text += f"; they saw {videos[0]:,} and {videos[1]:,} videos"
    rows = [find_row(entries[name]["experiment"]) for name in (better, worse)]
    if all(row and row.top_1 for row in rows):
        text += f"; published: {rows[0].top_1:.1f} % and {rows[1].top_1:.1f} %"
    return f"{text}."
