"""Files and folders that are there whole or not at all."""

import contextlib
import fcntl
import os
import pathlib
import shutil


@contextlib.contextmanager
def written_whole(path):
    """Gives a path to write to; what was written takes the place of `path` only at the end.

    Args:
        path: the file wanted, or the folder where there is none yet; the folder around it exists.

    Yields:
        `pathlib.Path` of a file or folder to make beside it. Where that fails, it is removed and
        `path` stays as it was.
    """
    path = pathlib.Path(path)
    part = path.with_name(f".{path.name}.part")
    if part.is_dir():  # Of a process that was killed.
        shutil.rmtree(part)
    try:
        yield part
        os.replace(part, path)
    finally:
        if part.is_dir():
            shutil.rmtree(part)
        part.unlink(missing_ok=True)


@contextlib.contextmanager
def locked(folder, wait=True):
    """Keeps other processes that ask for it out of a folder; the lock ends with the process.

    Args:
        folder: a folder that exists.
        wait: whether to wait where another process has the lock.

    Raises:
        BlockingIOError: another process has it, and `wait` is false.
    """
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        yield
    finally:
        os.close(descriptor)
