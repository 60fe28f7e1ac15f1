"""The manifest of a zoo: its entries, and the checksum of every file of each."""

import difflib
import hashlib
import json
import os
import pathlib

from rstg_tf import files

FILE_NAME = "manifest.json"
VARIABLE = "RSTG_TF_MODEL_ZOO"


def zoo_directory(zoo=None):
    """Where the published models are.

    Args:
        zoo: a folder; by default that of the environment variable `RSTG_TF_MODEL_ZOO`, else
            `model_zoo/` beside the package.

    Returns:
        `pathlib.Path`, of a folder that need not exist.
    """
    beside = pathlib.Path(__file__).resolve().parents[2] / "model_zoo"
    return pathlib.Path(zoo or os.environ.get(VARIABLE) or beside)


def entry_name(experiment, size):
    """Name of the entry that is the zoo's model of an experiment at a size."""
    return experiment if size == "lite" else f"{experiment}_{size}"


def read_manifest(zoo=None):
    """Reads the entries of a zoo.

    Args:
        zoo: see `zoo_directory`.

    Returns:
        Dict from the name of an entry to what the manifest says of it, among it `files`, a dict
        from path to sha256. Empty where there is no manifest.

    Raises:
        ValueError: a manifest that is damaged.
    """
    path = zoo_directory(zoo) / FILE_NAME
    if not path.exists():
        return {}
    try:
        models = json.loads(path.read_text())["models"]
        return {name: {**entry, "files": dict(entry["files"])} for name, entry in models.items()}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(
            f"A manifest must be JSON with the files of each of its models. "
            f"Received: {path} ({type(error).__name__}: {error})"
        ) from error


def write_manifest(zoo, entries):
    """Writes the manifest of a zoo, whole or not at all.

    Args:
        zoo: the folder.
        entries: dict as `read_manifest` returns it.
    """
    with files.written_whole(pathlib.Path(zoo) / FILE_NAME) as part:
        part.write_text(json.dumps({"models": dict(sorted(entries.items()))}, indent=2) + "\n")


def checksums(directory):
    """Computes the sha256 of every file below a folder.

    Args:
        directory: the folder.

    Returns:
        Dict from path, relative and with `/`, to the checksum in hexadecimal digits.
    """
    directory = pathlib.Path(directory)
    paths = sorted(path for path in directory.rglob("*") if path.is_file())
    return {path.relative_to(directory).as_posix(): _sha256(path) for path in paths}


def verify(directory, expected):
    """Compares the files of an entry with their checksums.

    Args:
        directory: folder of the entry.
        expected: dict from path to sha256, as `checksums` returns it.

    Raises:
        ValueError: a file is missing or differs; the message names it.
    """
    for name, wanted in expected.items():
        path = pathlib.Path(directory) / name
        if not path.is_file():
            raise ValueError(f"A published model must be complete. Received: {path} is missing")
        found = _sha256(path)
        if found != wanted:
            raise ValueError(
                f"A published file must have the sha256 of the manifest, {wanted}. "
                f"Received: {path} has {found}"
            )


def unknown_model(name, entries, where):
    """Makes the error for a model that is neither an entry nor a path.

    Args:
        name: what was asked for.
        entries: names that exist.
        where: folder of the zoo.

    Returns:
        A `ValueError` that shows the closest names.
    """
    close = difflib.get_close_matches(str(name), entries, n=3, cutoff=0.5)
    known = f"Did you mean {' or '.join(map(repr, close))}?" if close else f"It has {len(entries)}."
    return ValueError(
        f"A model must be an entry of {where} or the path of a SavedModel. {known} "
        f"Received: {str(name)!r}"
    )


def _sha256(path):
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
