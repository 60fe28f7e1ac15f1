"""What was published for the rows of the poster's two tables, to stand beside our figures.

Nicolicioiu et al. 2019, tables 1 and 2, and the works that they compare with. All in percent.
"""

from typing import NamedTuple


class Row(NamedTuple):
    """A row of a table.

    Attributes:
        method: what the row is called there.
        experiments: for each column, the name of our experiment, or None where the zoo has none.
        figures: for each column, the accuracy in percent, or None where none was published.
    """

    method: str
    experiments: tuple[str | None, str | None]
    figures: tuple[float | None, float | None]


class Table(NamedTuple):
    """A table of the poster.

    Attributes:
        title: the data set that its figures are for.
        columns: what its two columns are called.
        rows: tuple of `Row`, in its order.
    """

    title: str
    columns: tuple[str, str]
    rows: tuple[Row, ...]


class Published(NamedTuple):
    """What was published for one experiment.

    Attributes:
        method: what the row is called in the table.
        data: the data set and its variant.
        top_1: accuracy in percent, or None.
        top_5: accuracy in percent, or None.
    """

    method: str
    data: str
    top_1: float | None
    top_5: float | None


SYNCMNIST = Table(
    "SyncMNIST",
    ("3 digits", "5 digits"),
    (
        Row("Mean + LSTM", ("sync3_mean_lstm", None), (77.0, None)),
        Row("Conv + LSTM", ("sync3_conv_lstm", "sync5_conv_lstm"), (95.0, 39.7)),
        Row("I3D", (None, "sync5_i3d"), (None, 90.6)),
        Row("Non-Local", (None, "sync5_i3d_nl"), (None, 93.5)),
        Row("RSTG: Space-Only", ("sync3_rstg_space_only", None), (61.3, None)),
        Row("RSTG: Time-Only", ("sync3_rstg_time_only", None), (89.7, None)),
        Row(
            "RSTG: Homogeneous", ("sync3_rstg_homogeneous", "sync5_rstg_homogeneous"), (95.7, 58.3)
        ),
        Row("RSTG: 1-temp-stage", ("sync3_rstg_1temp", "sync5_rstg_1temp"), (97.0, 74.1)),
        Row("RSTG: All-temp-stages", ("sync3_rstg_alltemp", "sync5_rstg_alltemp"), (98.9, 94.5)),
        Row(
            "RSTG: Positional All-temp",
            ("sync3_rstg_positional", "sync5_rstg_positional"),
            (None, 97.2),
        ),
    ),
)
SOMETHING_SOMETHING = Table(
    "Something-Something v1",
    ("top-1", "top-5"),
    (
        Row("C2D", ("c2d", "c2d"), (None, 64.7)),
        Row("TRN", (None, None), (34.4, None)),
        Row("RSTG-C2D", ("rstg_c2d", "rstg_c2d"), (42.8, 73.6)),
        Row("MFNet-C50", (None, None), (None, 70.9)),
        Row("I3D", ("i3d", "i3d"), (41.6, 72.2)),
        Row("NL I3D", ("i3d_nl", "i3d_nl"), (44.4, 76.0)),
        Row("NL I3D + Joint GCN", (None, None), (46.1, 76.8)),
        Row("ECO-Lite-16F", (None, None), (42.2, None)),
        Row("MFNet-C101", (None, None), (43.9, 73.1)),
        Row("I3D [5]", (None, None), (45.8, 76.5)),
        Row("S3D-G", (None, None), (48.2, 78.7)),
        Row("RSTG-to-vec", ("rstg_vec", "rstg_vec"), (47.7, 77.9)),
        Row("RSTG-to-map res2", ("rstg_res2", "rstg_res2"), (46.9, 76.8)),
        Row("RSTG-to-map res3", ("rstg_res3", "rstg_res3"), (47.7, 77.8)),
        Row("RSTG-to-map res4", ("rstg_res4", "rstg_res4"), (48.4, 78.1)),
        Row("RSTG-to-map res3-4", ("rstg_res3_4", "rstg_res3_4"), (49.2, 78.8)),
    ),
)


def is_row(experiment):
    """Whether an experiment is a row of one of the tables, with a figure or without."""
    rows = SOMETHING_SOMETHING.rows + SYNCMNIST.rows
    return any(experiment in row.experiments for row in rows)


def published_figure(experiment):
    """Finds what was published for an experiment.

    Args:
        experiment: name of one of ours, such as `"rstg_res3_4"`.

    Returns:
        A `Published`, or None for an experiment that is no row of the tables, or whose row has no
        figure.
    """
    for row in SOMETHING_SOMETHING.rows:
        if experiment in row.experiments:
            return Published(row.method, SOMETHING_SOMETHING.title, *row.figures)
    for row in SYNCMNIST.rows:
        for column, name, figure in zip(SYNCMNIST.columns, *row[1:], strict=True):
            if name == experiment and figure is not None:
                return Published(row.method, f"{SYNCMNIST.title}, {column}", figure, None)
    return None
