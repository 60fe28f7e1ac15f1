"""Data sets whose videos are listed in CSV files: `path,label`."""

import csv
import io
import posixpath

from rstg_tf.data import storage
from rstg_tf.data.videos.video_list import Video, VideoList, read_class_names, read_text


def list_split(source, split, labels=None):
    """Lists the videos of one split of a CSV file or of a folder of CSV files.

    Args:
        source: A CSV file with the columns `path,label`, and `split` if it holds several splits;
            or a folder with `SPLIT.csv` or with one CSV file. Paths are relative to its folder.
        split: Name of the split.
        labels: As in `read_class_names`.

    Returns:
        `VideoList`. Classes are those of all splits, so that each has the same index in all.

    Raises:
        FileNotFoundError: The file is missing, or the folder has none for this split.
        ValueError: A file lacks a column or a value.
    """
    if source.lower().endswith(".csv"):
        root, _, chosen = source.rpartition("/")
        root, names = root or ".", [chosen]
    else:
        root, names = source, find(source)
        chosen = f"{split}.csv" if len(names) > 1 else names[0]
        if chosen not in names:
            raise FileNotFoundError(
                f"None of the CSV files ({', '.join(names)}) is {chosen}; name one of them as the "
                f"source. Received: {source}"
            )
    tables = {name: _read(storage.join(root, name)) for name in names}
    used = {row["label"] for rows in tables.values() for row in rows}
    class_names = read_class_names(root, used, labels)
    index = {name: number for number, name in enumerate(class_names)}
    videos = [
        Video(row["path"], row["path"], index[row["label"]])
        for row in tables[chosen]
        if row.get("split", split) == split
    ]
    name = posixpath.basename(root)
    return VideoList(name, split, f"videos of {chosen}", root, class_names, videos)


def find(folder):
    """Returns the names of the CSV files in a folder."""
    return [name for name in storage.list_files(folder, below=False) if name.endswith(".csv")]


def _read(path):
    table = csv.DictReader(io.StringIO(read_text(path), newline=""), skipinitialspace=True)
    header = table.fieldnames or []
    if not {"path", "label"} <= set(header):
        raise ValueError(
            "The first line of the CSV file must be path,label (or path,label,split), not "
            f"{','.join(header)!r}. Received: {path}"
        )
    rows = []
    for row in table:
        rows.append({column: (row[column] or "").strip() for column in header})
        empty = [column for column in ("path", "label") if not rows[-1][column]]
        if empty:
            raise ValueError(f"Line {table.line_num} has no {empty[0]}. Received: {path}")
    return rows
