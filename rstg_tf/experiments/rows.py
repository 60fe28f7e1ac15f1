"""The rows of the zoo's tables: each experiment once, beside what was published for it.

Nicolicioiu et al. 2019, tables 1 and 2, and the works that they compare with; all in percent. An
experiment of your own states its row where it is registered:
`@EXPERIMENTS.register("mine", table="Interactions", compare_with=("interactions_mean",))`.
"""

import dataclasses

from rstg_tf.registry import EXPERIMENTS

SOMETHING_SOMETHING = "Something-Something v1"
SYNCMNIST = "SyncMNIST"
INTERACTIONS = "Interactions"
OTHERS = "Other experiments"


@dataclasses.dataclass(frozen=True)
class Table:
    """A table of the zoo: `explanation` is Markdown, in which `{folder}` is the zoo's folder."""

    title: str
    explanation: str = ""
    figures: tuple[str, ...] = ("top_1", "within_pair")


@dataclasses.dataclass(frozen=True)
class Row:
    """A row of a table.

    Attributes:
        table: title of the table; one that is not in `TABLES` becomes a table of its own.
        method: what the row is called there; None for the name of the experiment.
        experiment: name of the experiment, or None where the zoo has none.
        top_1: published accuracy in percent, or None.
        top_5: published top-5 accuracy in percent, or None.
        part: which part of the table, such as `"3 digits"`.
        compare_with: names of the experiments that it is to be better than.
        flags: the flags of the authors' released code that differ from those of `"i3d"`, or None
            where the authors have not published a network of this row.
    """

    table: str = OTHERS
    method: str | None = None
    experiment: str | None = None
    top_1: float | None = None
    top_5: float | None = None
    part: str = ""
    compare_with: tuple[str, ...] = ()
    flags: dict | None = None

    @property
    def name(self):
        """What the row is called."""
        return self.method or self.experiment

    @property
    def data(self):
        """The dataset that its published figures are for, with its variant."""
        return f"{self.table}, {self.part}" if self.part else self.table


TABLES = (
    Table(
        SOMETHING_SOMETHING,
        f"Published: on {SOMETHING_SOMETHING}, trained at full size. Ours: on the test set that "
        f"the row names, which is other data where it is not {SOMETHING_SOMETHING}. Compare rows "
        "with one another, not the published columns with ours.",
        ("top_1", "top_5"),
    ),
    Table(
        SYNCMNIST,
        "A model that recognises the digits but not which two are in synchrony scores one over "
        "the number of pairs: 33.3 % with 3 digits, 10 % with 5. A model is published only if it "
        "is better by more than its interval; until then its row says so, even where a training "
        "was tried ([docs/syncmnist_recipe.md]({folder}../docs/syncmnist_recipe.md)).",
        ("top_1",),
    ),
    Table(
        INTERACTIONS,
        "The small experiments on Interactions, with no published figure to compare with. Within "
        "pairs is the choice between a class and its twin in reversed time, where a guess gives "
        "50 %.",
    ),
)


def _something(method, experiment, top_1, top_5, compare_with=(), **flags):
    flags = flags if experiment else None
    return Row(SOMETHING_SOMETHING, method, experiment, top_1, top_5, "", compare_with, flags)


def _sync(digits, method, row, top_1, *compare_with):
    name, others = f"sync{digits}_{row}", tuple(f"sync{digits}_{row}" for row in compare_with)
    return Row(SYNCMNIST, method, name, top_1, None, f"{digits} digits", others)


_ABLATIONS = ("rstg_1temp", "rstg_homogeneous", "rstg_time_only", "rstg_space_only", "conv_lstm")
_FINALS = ("i3d", "i3d_nl", "rstg_vec", "rstg_res2", "rstg_res3", "rstg_res4")
PAPER = (
    _something("C2D", "c2d", None, 64.7, backbone_model="c2d"),
    _something("TRN", None, 34.4, None),
    _something(
        "RSTG-C2D", "rstg_c2d", 42.8, 73.6, ("c2d",), backbone_model="c2d", place_graph="final"
    ),
    _something("MFNet-C50", None, None, 70.9),
    _something("I3D", "i3d", 41.6, 72.2, ("c2d",)),
    _something(
        *("NL I3D", "i3d_nl", 44.4, 76.0, ("i3d",)),
        backbone_model="non-local",
        place_nonlocal="res3-res4",
    ),
    _something("NL I3D + Joint GCN", None, 46.1, 76.8),
    _something("ECO-Lite-16F", None, 42.2, None),
    _something("MFNet-C101", None, 43.9, 73.1),
    _something("I3D [5]", None, 45.8, 76.5),
    _something("S3D-G", None, 48.2, 78.7),
    _something("RSTG-to-vec", "rstg_vec", 47.7, 77.9, ("i3d",), place_graph="final"),
    _something("RSTG-to-map res2", "rstg_res2", 46.9, 76.8, ("i3d",), place_graph="res2"),
    _something("RSTG-to-map res3", "rstg_res3", 47.7, 77.8, ("i3d",), place_graph="res3"),
    _something("RSTG-to-map res4", "rstg_res4", 48.4, 78.1, ("i3d",), place_graph="res4"),
    _something("RSTG-to-map res3-4", "rstg_res3_4", 49.2, 78.8, _FINALS, place_graph="res3-res4"),
    _sync(3, "Mean + LSTM", "mean_lstm", 77.0),
    _sync(3, "Conv + LSTM", "conv_lstm", 95.0, "mean_lstm"),
    _sync(3, "RSTG: Space-Only", "rstg_space_only", 61.3),
    _sync(3, "RSTG: Time-Only", "rstg_time_only", 89.7),
    _sync(3, "RSTG: Homogeneous", "rstg_homogeneous", 95.7),
    _sync(3, "RSTG: 1-temp-stage", "rstg_1temp", 97.0),
    _sync(3, "RSTG: All-temp-stages", "rstg_alltemp", 98.9, *_ABLATIONS),
    _sync(3, "RSTG: Positional All-temp", "rstg_positional", None, "rstg_alltemp"),
    _sync(5, "Mean + LSTM", "mean_lstm", None),
    _sync(5, "Conv + LSTM", "conv_lstm", 39.7, "mean_lstm"),
    _sync(5, "I3D", "i3d", 90.6),
    _sync(5, "Non-Local", "i3d_nl", 93.5),
    _sync(5, "RSTG: Space-Only", "rstg_space_only", None),
    _sync(5, "RSTG: Time-Only", "rstg_time_only", None),
    _sync(5, "RSTG: Homogeneous", "rstg_homogeneous", 58.3),
    _sync(5, "RSTG: 1-temp-stage", "rstg_1temp", 74.1),
    _sync(5, "RSTG: All-temp-stages", "rstg_alltemp", 94.5, *_ABLATIONS),
    _sync(5, "RSTG: Positional All-temp", "rstg_positional", 97.2, "rstg_alltemp"),
)


def list_tables():
    """Lists each `Table` with its rows: the paper's, then what experiments say of themselves.

    A ValueError names an experiment that is registered with something a row does not have.
    """
    tables = {table.title: (table, []) for table in TABLES}
    for row in [*PAPER, *_own_rows()]:
        tables.setdefault(row.table, (Table(row.table), []))[1].append(row)
    return list(tables.values())


def find_row(experiment):
    """The `Row` of an experiment, or None if it has none."""
    rows = (row for _, rows in list_tables() for row in rows)
    return next((row for row in rows if experiment and row.experiment == experiment), None)


def compared_pairs():
    """Pairs of experiments of which the first is to be better than the second."""
    rows = (row for _, rows in list_tables() for row in rows)
    return [(row.experiment, other) for row in rows for other in row.compare_with]


def _own_rows():
    of_paper = {row.experiment for row in PAPER}
    for name in EXPERIMENTS.list():
        about = EXPERIMENTS.about(name)
        try:
            if name not in of_paper:
                yield Row(experiment=name, **about)
        except TypeError as error:
            fields = ", ".join(field.name for field in dataclasses.fields(Row))
            raise ValueError(
                f"An experiment must be registered with what a row of the tables has: {fields}. "
                f"Received: {about} for {name!r}"
            ) from error
