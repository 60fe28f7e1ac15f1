"""What a zoo says of its entries: `entry.json` in each of them, `manifest.json` for them all."""

import difflib
import hashlib
import json
import os
import pathlib
import re
import stat

from rstg_tf import checked_json
from rstg_tf.checked_json import Optional
from rstg_tf.hub import records
from rstg_tf.text import printable

FILE_NAME = "manifest.json"
ENTRY = "entry.json"
VARIABLE = "RSTG_TF_MODEL_ZOO"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_FORM = {
    "files": {str: str},
    Optional("experiment"): str,
    Optional("size"): str,
    Optional("data"): str,
    Optional("clip_shape"): [int],
    Optional("test_set"): dict,
    Optional("parameters"): int,
    Optional("videos"): int,
    Optional("started_from"): (str, None),
    Optional("figures"): ({str: (float, [float], None)}, None),
    Optional("weights_sha256"): str,
    Optional("streams"): bool,
    Optional("checksum"): str,
}
# What tables and comparisons say of an entry with figures.
_MEASURED = ("experiment", "size", "data", "parameters", "videos")
_FIGURES = ("num_clips", "top_1", "top_1_interval_95")


def zoo_directory(zoo=None):
    """Folder of the published models, which need not exist.

    By default that of `$RSTG_TF_MODEL_ZOO`, else `model_zoo/` beside the package.
    """
    beside = pathlib.Path(__file__).resolve().parents[2] / "model_zoo"
    return pathlib.Path(zoo or os.environ.get(VARIABLE) or beside)


def entry_name(experiment, size):
    """Name of the entry that is the zoo's model of an experiment at a size."""
    return experiment if size == "lite" else f"{experiment}_{size}"


def is_name(name):
    """Whether an entry can be called so: a folder of this name is plain everywhere."""
    return bool(_NAME.fullmatch(name)) and name != FILE_NAME


def read_manifest(zoo=None):
    """Reads the entries of a zoo: a dict by name, empty without a manifest.

    Each entry is a dict whose `files` maps paths to sha256. A damaged manifest raises `ValueError`.
    """
    path = zoo_directory(zoo) / FILE_NAME
    if not path.exists():
        return {}
    what = "The manifest of a zoo"
    content = checked_json.read(path, {"models": {str: _FORM}}, what)
    _check_names(content["models"], path)
    for name, entry in content["models"].items():
        if not is_name(name):
            raise ValueError(
                f"{what} must list entries by names that are plain folders. "
                f"Received: {printable(repr(name))} in {path}"
            )
        _check_entry(name, entry, path)
    return content["models"]


def write_manifest(path, entries):
    """Writes a manifest; `entries` is a dict as `read_manifest` returns it."""
    content = {"models": dict(sorted(entries.items()))}
    pathlib.Path(path).write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


def read_entry(directory):
    """Reads `entry.json`: the name it was published under and its line of the manifest.

    None if there is no such file; `ValueError` if it is damaged.
    """
    path = pathlib.Path(directory) / ENTRY
    try:
        mode = path.lstat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        return None
    _check_plain(path, mode)
    form = {"name": str, "checksum": str, **_FORM}
    entry = checked_json.read(path, form, "What an entry says of itself")
    name = entry.pop("name")
    _check_entry(name, entry, path)
    return name, entry


def write_entry(directory, name, about):
    """Writes `entry.json`, after all other files; returns the entry's line of the manifest."""
    entry = {**about, "files": checksums(directory)}
    entry = {**entry, "checksum": _checksum(name, entry)}
    text = json.dumps({"name": name, **entry}, indent=2) + "\n"
    (pathlib.Path(directory) / ENTRY).write_text(text, encoding="utf-8")
    return json.loads(json.dumps(entry))


def checksums(directory):
    """Dict from relative path to hexadecimal sha256 of all files in a folder but `entry.json`."""
    directory = pathlib.Path(directory)
    found = {path.relative_to(directory).as_posix(): path for path in _files(directory)}
    return {name: _sha256(path) for name, path in sorted(found.items()) if name != ENTRY}


def verify(directory, expected):
    """Compares the files of an entry with `expected`, a dict from path to sha256.

    A file that is missing, altered, unlisted or a link raises a `ValueError` that names it.
    """
    directory = pathlib.Path(directory)
    found = {path.relative_to(directory).as_posix(): path for path in _files(directory)}
    for name, wanted in expected.items():
        path = directory / name
        if name not in found:
            raise ValueError(f"A published model must be complete. Received: {path} is missing")
        sha256 = _sha256(path)
        if sha256 != wanted:
            raise ValueError(
                f"A published file must have the sha256 that is listed, {wanted}. "
                f"Received: {path} has {sha256}"
            )
    for name in sorted(found.keys() - expected.keys() - {ENTRY}):
        raise ValueError(
            "The folder of a published model must hold its listed files only. "
            f"Received: {printable(found[name])}, which is not listed"
        )


def unknown_model(name, entries, where):
    """Makes the `ValueError` for an unknown model, with the closest names.

    If the folder `where` does not exist, the error is that of `no_zoo`.
    """
    if not where.is_dir():
        return no_zoo(where, name)
    close = difflib.get_close_matches(str(name), entries, n=3, cutoff=0.5)
    known = f"Did you mean {' or '.join(map(repr, close))}?" if close else f"It has {len(entries)}."
    return ValueError(
        f"A model must be an entry of {where} or the path of a SavedModel. {known} "
        f"Received: {str(name)!r}"
    )


def no_zoo(folder, name=None):
    """Makes the `FileNotFoundError` for a missing zoo; it says where one is."""
    asked = f"{str(name)!r}, and " if name is not None else ""
    return FileNotFoundError(
        f"Published models are in a folder that ${VARIABLE} or `zoo=` names, by default model_zoo/ "
        "beside the package. A clone of the repository of RSTG-TF has it, an installed package has "
        f"none. Received: {asked}{folder}, which does not exist"
    )


def _files(directory):
    """Paths of all files below a folder, which must be plain ones."""
    for parent, folders, names in os.walk(directory, onerror=_raise):
        for name in [*folders, *names]:
            path = pathlib.Path(parent, name)
            mode = path.lstat().st_mode
            if not stat.S_ISDIR(mode):
                _check_plain(path, mode)
                yield path


def _raise(error):
    raise error


def _check_plain(path, mode):
    if not stat.S_ISREG(mode):
        kind = "a link" if stat.S_ISLNK(mode) else "no plain file"
        raise ValueError(
            f"A published model must consist of plain files. Received: {printable(path)}, {kind}"
        )


def _check_entry(name, entry, path):
    """Checks what the form of JSON can't tell: names of files, checksums, intervals."""
    _check_names(entry["files"], path)
    for file, sha256 in entry["files"].items():
        parts = file.split("/")
        plain = file == printable(file) and "\\" not in file and file != ENTRY
        if not plain or {"", ".", ".."} & {*parts} or not _SHA256.fullmatch(sha256):
            raise ValueError(
                "The files of an entry must be paths within its folder, with their sha256. "
                f"Received: {printable(repr(file))} with {printable(repr(sha256))} for "
                f"{printable(name)} in {path}"
            )
    figures = entry.get("figures") or {}
    records.check_figures(figures, path)
    missing = [*({*_MEASURED} - entry.keys()), *({*_FIGURES} - figures.keys())]
    if figures and missing:
        raise ValueError(
            f"An entry that was measured must have {missing[0]!r}. "
            f"Received: {printable(name)} in {path}, without it"
        )
    # Entries of before have none; but then one that is misspelt must not seem to be missing.
    sealed = "checksum" in entry or entry.keys() - _FORM.keys()
    if sealed and entry.get("checksum") != _checksum(name, entry):
        raise ValueError(
            "What is said of an entry must have the checksum that stands with it. "
            f"Received: {printable(name)} in {path}, which is damaged"
        )


def _check_names(names, path):
    """Checks that names are different where upper and lower case are one."""
    known = {}
    for name in names:
        other = known.setdefault(name.casefold(), name)
        if other != name:
            raise ValueError(
                "Names must not differ in upper and lower case only. Received: "
                f"{printable(other)} and {printable(name)} in {path}"
            )


def _checksum(name, entry):
    content = {"name": name, **entry}
    content.pop("checksum", None)
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _sha256(path):
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
