"""Entries that come into a zoo whole or not at all, together with their line in the manifest."""

import contextlib
import errno
import os
import pathlib
import re
import shutil

from rstg_tf import files
from rstg_tf.zoo import manifest

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")
_FULL = (errno.ENOSPC, errno.EDQUOT)


@contextlib.contextmanager
def new_entry(zoo, name, overwrite=False):
    """Gives a folder to fill; at the end it becomes the entry `name`, with its checksums.

    One process at a time writes to a zoo, another one waits. Where filling the folder fails, or
    what follows does, folder and manifest are as they were before. What a killed process left is
    cleared up first.

    Args:
        zoo: folder of the zoo, made where it is missing.
        name: name of the entry.
        overwrite: whether an entry of this name may be replaced.

    Yields:
        `(folder, about)`: an empty folder to write to, and a dict for what the manifest shall say
        of the entry besides its files.

    Raises:
        ValueError: `name` is not fit for a folder.
        FileExistsError: there is such an entry and `overwrite` is false.
        OSError: nothing more fits on the disk.
    """
    zoo = pathlib.Path(zoo)
    zoo.mkdir(parents=True, exist_ok=True)
    with files.locked(zoo):
        _clear_up(zoo)
        check_free(zoo, name, overwrite)
        part, about = zoo / f".{name}.publishing", {}
        part.mkdir()
        try:
            yield part, about
            entry = {**about, "files": manifest.checksums(part)}
            _place(zoo, name, part, {**manifest.read_manifest(zoo), name: entry})
        except Exception as error:
            if _is_full(error):
                raise OSError(
                    errno.ENOSPC,
                    f"There must be room on the disk to publish {name!r}; nothing was left "
                    f"behind. Received: no space left in {zoo}",
                ) from error
            raise
        finally:
            shutil.rmtree(part, ignore_errors=True)


@contextlib.contextmanager
def changed_entry(zoo, name):
    """Gives a copy of an entry to change; at the end it takes the entry's place.

    Args:
        zoo: folder of the zoo.
        name: name of the entry.

    Yields:
        `(folder, about)` as `new_entry` does, with what the entry has.

    Raises:
        ValueError: there is no such entry, or one of its files is missing or differs.
    """
    zoo = pathlib.Path(zoo)
    with new_entry(zoo, name, overwrite=True) as (part, about):
        entries = manifest.read_manifest(zoo)
        if name not in entries:
            raise manifest.unknown_model(name, entries, zoo)
        manifest.verify(zoo / name, entries[name]["files"])
        shutil.copytree(zoo / name, part, dirs_exist_ok=True)
        about |= {key: value for key, value in entries[name].items() if key != "files"}
        yield part, about


def check_free(zoo, name, overwrite=False):
    """Checks that an entry may be called `name`.

    Args:
        zoo: folder of the zoo.
        name: name of the entry.
        overwrite: whether an entry of this name may be replaced.

    Raises:
        ValueError: `name` is not fit for a folder.
        FileExistsError: there is such an entry and `overwrite` is false.
    """
    if not _NAME.fullmatch(name) or name == manifest.FILE_NAME:
        raise ValueError(
            "The name of a model has letters, digits, `_`, `-` and `.` only, and starts with a "
            f"letter or digit. Received: {name!r}"
        )
    if (zoo / name).exists() and not overwrite:
        raise FileExistsError(
            f"A model is replaced only where that is asked for (--overwrite). "
            f"Received: {zoo / name}, which exists"
        )


def _place(zoo, name, part, entries):
    """Puts a folder in place and writes the manifest, or leaves both as they are."""
    target, replaced = zoo / name, zoo / f".{name}.replaced"
    if target.exists():
        os.rename(target, replaced)
    else:
        replaced.mkdir()  # Empty: tells who comes after a killed process that there was none.
    try:
        os.rename(part, target)
        manifest.write_manifest(zoo, entries)
    except BaseException:
        if target.exists():
            os.rename(target, part)
        _put_back(replaced, target)
        raise
    shutil.rmtree(replaced, ignore_errors=True)


def _put_back(replaced, target):
    """Makes a folder what it was before it was replaced, which may be nothing."""
    if any(replaced.iterdir()):
        os.rename(replaced, target)
    else:
        replaced.rmdir()


def _clear_up(zoo):
    """Undoes what a killed process had not finished."""
    for part in zoo.glob(".*.publishing"):
        shutil.rmtree(part)
    entries = manifest.read_manifest(zoo)
    for replaced in zoo.glob(".*.replaced"):
        target = zoo / replaced.name[1:].removesuffix(".replaced")
        listed = entries.get(target.name, {}).get("files")
        if not (target.exists() and manifest.checksums(target) == listed):
            shutil.rmtree(target, ignore_errors=True)
            _put_back(replaced, target)
        shutil.rmtree(replaced, ignore_errors=True)


def _is_full(error):
    """Whether an error, or what it came from, says that the disk is full."""
    while error is not None:
        if getattr(error, "errno", None) in _FULL or "No space left" in str(error):
            return True
        error = error.__cause__ or error.__context__
    return False
