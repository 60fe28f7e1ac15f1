"""What the figures of a zoo allow to say: sentences whose intervals do not overlap."""

from rstg_tf.experiments.registry import SIZES
from rstg_tf.hub.manifest import entry_name
from rstg_tf.zoo.published import published_figure

# Ablations of the tables, as experiments: whether the first is better is what they ask.
PAIRS = (
    ("i3d", "c2d"),
    ("rstg_c2d", "c2d"),
    ("i3d_nl", "i3d"),
    ("rstg_vec", "i3d"),
    ("rstg_res2", "i3d"),
    ("rstg_res3", "i3d"),
    ("rstg_res4", "i3d"),
    ("rstg_res3_4", "i3d"),
    ("rstg_res3_4", "i3d_nl"),
    ("rstg_res3_4", "rstg_vec"),
    ("rstg_res3_4", "rstg_res2"),
    ("rstg_res3_4", "rstg_res3"),
    ("rstg_res3_4", "rstg_res4"),
    *(
        (f"sync{digits}_{first}", f"sync{digits}_{second}")
        for digits in (3, 5)
        for first, second in (
            ("rstg_positional", "rstg_alltemp"),
            ("rstg_alltemp", "rstg_1temp"),
            ("rstg_alltemp", "rstg_homogeneous"),
            ("rstg_alltemp", "rstg_time_only"),
            ("rstg_alltemp", "rstg_space_only"),
            ("rstg_alltemp", "conv_lstm"),
            ("conv_lstm", "mean_lstm"),
        )
    ),
    ("interactions_rstg", "interactions_mean"),
    ("interactions_lstm", "interactions_mean"),
    ("interactions_rstg", "interactions_lstm"),
)


def read_out(entries, pairs=PAIRS):
    """Says which models are better than which others, and by how much.

    Args:
        entries: dict from name to what the manifest says, as `read_manifest` returns it.
        pairs: pairs of experiments to compare, at each size. A pair is passed over where one is
            not published, or was tested on other clips than the other.

    Returns:
        Markdown text: a sentence for every pair whose 95 % intervals of top-1 do not overlap, and
        one that names the pairs that can't be told apart.
    """
    sentences, undecided = [], []
    of_a_size = [[entry_name(name, size) for name in pair] for size in SIZES for pair in pairs]
    for pair in of_a_size:
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
    figures = [_published(entries[name]) for name in (better, worse)]
    if None not in figures:
        text += f"; published: {figures[0]:.1f} % and {figures[1]:.1f} %"
    return f"{text}."


def _published(about):
    figure = published_figure(about["experiment"])
    return None if figure is None else figure.top_1
