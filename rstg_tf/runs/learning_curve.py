"""The picture of a training: loss and accuracy against the videos that it has seen."""

from rstg_tf.runs.log_file import COLUMNS, read_log


def draw_learning_curve(log):
    """Draws what `RunLog` wrote.

    Args:
        log: path of a training's `log.csv`.

    Returns:
        A `matplotlib.figure.Figure`, with the loss of training and validation on the left and
        their accuracy on the right.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the file has no rows, or is damaged.
    """
    import pandas as pd
    from matplotlib.figure import Figure

    rows = pd.DataFrame(read_log(log), columns=COLUMNS).apply(pd.to_numeric)
    if rows.empty:
        raise ValueError(f"A learning curve takes a log with rows. Received: {log}")
    validated = rows.dropna(subset="val_loss")
    figure = Figure(figsize=(9, 3.2), layout="constrained")
    for ax, name in zip(figure.subplots(1, 2), ("loss", "accuracy"), strict=True):
        ax.plot(rows["videos"], rows[name], color="C0", label="training")
        ax.plot(validated["videos"], validated[f"val_{name}"], "o-", color="C1", label="validation")
        ax.set(xlabel="videos seen", ylabel=name)
        ax.xaxis.set_major_formatter("{x:,.0f}")
        ax.locator_params(axis="x", nbins=4)  # Numbers of millions are wide.
    ax.set_ylim(0, 1.02)
    ax.legend(frameon=False, loc="lower right")
    return figure
