"""Datasets whose videos are listed in CSV files: `path,label`."""

import csv
import io
import os
import posixpath
from typing import NamedTuple

from rstg_tf.data import storage
from rstg_tf.data.videos.file_names import (
    check_split,
    each_file_once,
    is_leftover,
    shown,
    split_called,
    why_not,
)
from rstg_tf.data.videos.video_list import Video, VideoList, alike, read_class_names, read_text
from rstg_tf.text import check_class_name

_OTHER_DELIMITERS = {";": "semicolons", "\t": "tabs", "|": "|"}
_SPACES = " \t"


def list_split(source, split, labels=None, videos=None, allow_outside=False):
    """Lists the videos of one split of a CSV file or of a folder of CSV files.

    A file has the columns `path,label`, and `split` if it holds several; a folder has `train.csv`
    and so on, see `split_called`, or one file. Paths are relative to the folder, or to `videos`.
    Classes are those of all splits, so that indices agree. Raises FileNotFoundError for a missing
    file, ValueError with the line for a damaged one.
    """
    root, chosen, names, notes = _files(source, split)
    start = str(videos or root)
    placed = []
    for name in names:
        path = storage.join(root, name)
        its_split = split if name == chosen else _split_of_file(name) or name
        for row in _read(path):
            reason = why_not(start, row.path, allow_outside)
            if reason:
                raise ValueError(
                    f"Line {row.line} gives a video the path {shown(row.path)!r}: {reason}. "
                    f"Received: {path}"
                )
            placed.append((row.path, row.split or its_split, row.label))
    class_names = read_class_names(root, {label for *_, label in placed}, labels)
    placed, said = each_file_once(start, placed)
    index = {name: number for number, name in enumerate(class_names)}
    listed = [Video(path, path, index[label]) for path, where, label in placed if where == split]
    if not listed:
        there = ", ".join(sorted({where for _, where, _ in placed}))
        raise ValueError(
            f"The {split} split has no videos{f' (there are {there})' if there else ''}. "
            f"Received: {storage.join(root, chosen)}"
        )
    name = posixpath.basename(root)
    notes = (*notes, *said, *alike(class_names))
    return VideoList(name, split, f"videos of {chosen}", root, class_names, listed, notes=notes)


def find(folder):
    """Returns the names of a folder's CSV files that are called as splits or have `path,label`."""
    return [
        name
        for name in all_csv_files(folder)
        if _split_of_file(name) or _has_columns(storage.join(folder, name))
    ]


def all_csv_files(folder):
    """Returns the names of the CSV files in a folder, whatever they hold."""
    names = storage.list_files(folder, below=False, skip=is_leftover)
    return [name for name in names if name.lower().endswith(".csv")]


def _split_of_file(name):
    return split_called(posixpath.splitext(name)[0])


def _has_columns(path):
    try:
        return bool(_header(path, _records(path)))
    except ValueError:
        return False


def _files(source, split):
    """Returns the folder of CSV files, the one of the split, all that are read, and notes."""
    if source.lower().endswith(".csv") and not os.path.isdir(source):
        root, slash, name = source.rpartition("/")
        meant = _split_of_file(name)
        notes = [f"{name} is taken for the {split} split"] if meant not in (None, split) else []
        return root or slash or ".", name, [name], notes
    everything = all_csv_files(source)
    names = everything if len(everything) == 1 else find(source)
    if not names:
        raise ValueError(
            "The folder must hold a CSV file with the columns path,label, it holds "
            f"{', '.join(map(shown, everything)) or 'none'}. Received: {source}"
        )
    called = [name for name in names if _split_of_file(name)]
    of_split = [
        name
        for name in names
        if _split_of_file(name) == split or name.lower() == f"{split.lower()}.csv"
    ]
    if len(of_split) > 1:
        raise ValueError(
            f"Several CSV files mean the {split} split: {', '.join(of_split)}; name one of them as "
            f"the source. Received: {source}"
        )
    if not of_split and (called or len(names) > 1):
        raise FileNotFoundError(
            f"None of the CSV files ({', '.join(map(shown, names))}) is {split}.csv; name one of "
            f"them as the source. Received: {source}"
        )
    chosen = (of_split or names)[0]
    read = called if chosen in called else names
    others = [shown(name) for name in everything if name not in read]
    return source, chosen, read, [f"not read: {', '.join(others)}"] if others else []


class _Row(NamedTuple):
    line: int
    path: str
    label: str
    split: str | None


def _read(path):
    """Returns the rows of a list of videos."""
    records = _records(path)
    header = _header(path, records)
    rows = []
    for line, cells in records:
        surplus = [cell for cell in cells[len(header) :] if cell]
        if surplus:
            raise _error(
                path,
                line,
                f"has {len(cells)} cells, the header {len(header)}; a value with a comma must "
                'stand in "quotes"',
            )
        row = dict(zip(header, cells, strict=False))
        empty = [column for column in ("path", "label") if not row.get(column)]
        if empty:
            raise _error(path, line, f"has no {empty[0]}")
        if len(cells) < len(header):
            raise _error(path, line, f"has {len(cells)} cells, the header {len(header)}")
        check_class_name(row["label"], f"{path}, line {line}")
        rows.append(_Row(line, row["path"], row["label"], _split_of_row(path, line, row)))
    return rows


def _split_of_row(path, line, row):
    if "split" not in row:
        return None
    if not row["split"]:
        raise _error(path, line, "has no split")
    try:
        return check_split(row["split"])
    except ValueError as error:
        raise _error(path, line, f"has a wrong split: {error}") from error


def _header(path, records):
    """Takes the header off the records: names of columns in lower case."""
    line, cells = next(records, (1, []))
    header = [cell.casefold() for cell in cells]
    if not {"path", "label"} <= set(header):
        other = next((d for d in _OTHER_DELIMITERS if d in "".join(cells)), None)
        hint = f"; columns are parted by commas, not by {_OTHER_DELIMITERS[other]}" if other else ""
        raise ValueError(
            "The first line of the CSV file must be path,label (or path,label,split), not "
            f"{shown(','.join(cells))!r}{hint}. Received: {path}"
        )
    twice = [column for column in header if column and header.count(column) > 1]
    if twice:
        raise _error(path, line, f"names the column {shown(twice[0])} twice")
    return header


def _records(path):
    """Yields `(line, cells)` of a CSV file, without those that are empty."""
    text = read_text(path)
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        raise _error(path, line, "holds a byte 0, which is no text")
    reader = csv.reader(io.StringIO(text, newline=""), skipinitialspace=True, strict=True)
    while True:
        line = reader.line_num + 1
        try:
            cells = [cell.strip(_SPACES) for cell in next(reader)]
        except StopIteration:
            return
        except csv.Error as error:
            raise _error(path, line, f"is no CSV ({error}); a quote may be left open") from error
        if any(cells):
            yield line, cells


def _error(path, line, what):
    return ValueError(f"Line {line} {what}. Received: {path}")
