"""Version folders as TensorFlow Serving watches them: `NAME/1`, `NAME/2`, ..."""

import contextlib
import os
import pathlib
import re
import shutil

from rstg_tf import files


def list_versions(folder):
    """Lists the versions of a model.

    Args:
        folder: folder of the model.

    Returns:
        Sorted list of int.
    """
    folder = pathlib.Path(folder)
    if not folder.is_dir():
        return []
    return sorted(int(name) for name in os.listdir(folder) if re.fullmatch("[0-9]+", name))


def check_version(folder, version=None, keep=3):
    """Checks that a version can be made.

    Args:
        folder: folder of the model.
        version: number of the version; the next free one by default.
        keep: number of versions to keep.

    Raises:
        ValueError: a number that is not positive.
        FileExistsError: there is such a version.
    """
    if keep < 1:
        raise ValueError(f"One version or more must be kept. Received: keep={keep}")
    if version is not None and not 0 < version < 2**63:
        raise ValueError(f"The number of a version must be positive. Received: {version}")
    if version in list_versions(folder):
        raise FileExistsError(
            f"A version is never replaced, for servers keep what they have loaded. "
            f"Received: {pathlib.Path(folder) / str(version)}, which exists"
        )


@contextlib.contextmanager
def new_version(folder, version=None, keep=3):
    """Gives a folder to fill, which then becomes a version, whole or not at all.

    A server that watches the folder takes names that are numbers only. One process at a time
    writes; another one waits.

    Args:
        folder: folder of the model, made where it is missing.
        version: see `check_version`.
        keep: number of versions that stay, the newest and this one; others are removed.

    Yields:
        `(part, path)`: the folder to fill, and the version that it becomes.

    Raises:
        ValueError, FileExistsError: as `check_version`.
    """
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    files.sync_entry(folder)
    with files.locked(folder):
        check_version(folder, version, keep)
        for left in folder.glob(".*.part"):  # By a process that was killed.
            if left.is_dir():
                shutil.rmtree(left)
        path = folder / str(version or max(list_versions(folder), default=0) + 1)
        with files.folder_written_whole(path) as part:
            yield part, path
        older = [number for number in list_versions(folder) if str(number) != path.name]
        for number in older[: len(older) - (keep - 1)]:
            removed = folder / f".{number}.part"
            os.rename(folder / str(number), removed)  # Nobody sees half of it either.
            shutil.rmtree(removed)
