"""The file `log.csv` of a training: a row for every checkpoint."""

import csv
import math
import pathlib

from rstg_tf.files import written_whole

COLUMNS = (
    "step",
    "videos",
    "seconds",
    "loss",
    "accuracy",
    "learning_rate",
    "videos_per_second",
    "val_loss",
    "val_accuracy",
)
_WHOLE = ("step", "videos")


def write_log(path, rows):
    """Writes rows, dicts with keys of `COLUMNS`."""
    with written_whole(path) as part, part.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        writer.writerows(rows)


def read_log(path):
    """Reads the rows.

    Args:
        path: the file.

    Returns:
        List of dicts of text, as it stands there, with the keys `COLUMNS`.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is damaged; names the row.
    """
    try:
        with pathlib.Path(path).open(newline="", encoding="utf-8") as file:
            lines = list(csv.reader(file, strict=True))
        if not lines or tuple(lines[0]) != COLUMNS:
            raise ValueError(f"its first line must be {','.join(COLUMNS)}")
        if any(len(line) != len(COLUMNS) for line in lines):
            raise ValueError(f"every row must have {len(COLUMNS)} cells")
        rows = [dict(zip(COLUMNS, line, strict=True)) for line in lines[1:]]
        check_rows(rows)
    except (ValueError, csv.Error) as error:
        raise ValueError(f"The log is damaged ({error}). Received: {path}") from error
    return rows


def check_rows(rows):
    """Raises a ValueError unless rows hold numbers, or nothing, and their steps grow."""
    last = 0
    for number, row in enumerate(rows, 1):
        if set(row) != set(COLUMNS):
            raise ValueError(f"row {number} has not the columns {','.join(COLUMNS)}")
        for name, text in row.items():
            if not (text == "" and name not in _WHOLE) and not _is_number(text, name in _WHOLE):
                raise ValueError(f"row {number} has {name}={text[:40]!r}")
        if int(row["step"]) <= last:
            raise ValueError(f"row {number} is of step {row['step']}, behind step {last}")
        last = int(row["step"])


def _is_number(text, whole):
    try:
        value = int(text) if whole else float(text)
    except ValueError:
        return False
    return math.isfinite(value)
