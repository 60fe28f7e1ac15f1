"""Readers and writers of an entry wait for each other, but not for ever."""

import contextlib
import errno
import fcntl
import functools
import os
import time

from rstg_tf.hub.manifest import ENTRY

# After so many seconds the wait ends; a reader then looks whether the entry is still the same.
_PATIENCE = 60.0
_PAUSE = 0.005


@contextlib.contextmanager
def reading(entry):
    """Keeps an entry in place while it is read.

    Yields a function that says whether the entry is still the one that was there at first.
    """
    end = time.monotonic() + _PATIENCE
    while True:
        with contextlib.ExitStack() as stack:
            # A writer that waits to replace the entry shuts the door, so that a stream of readers
            # does not keep it out.
            folder, door = _open(entry, stack)
            _lock(door, fcntl.LOCK_SH)
            _lock(folder, fcntl.LOCK_SH)
            _lock(door, fcntl.LOCK_UN)
            if _is(folder, entry) or time.monotonic() > end:
                yield functools.partial(_is, folder, entry)
                return


@contextlib.contextmanager
def replacing(entry):
    """Waits until nobody reads an entry, which need not exist, and keeps readers out of it."""
    with contextlib.ExitStack() as stack:
        if os.path.isdir(entry):
            folder, door = _open(entry, stack)
            _lock(door, fcntl.LOCK_EX)
            _lock(folder, fcntl.LOCK_EX)
        yield


def _open(entry, stack):
    """Descriptors of a folder and of its `entry.json`, which is None in entries without."""
    folder = os.open(entry, os.O_RDONLY | os.O_DIRECTORY)
    stack.callback(os.close, folder)
    try:
        door = os.open(ENTRY, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW, dir_fd=folder)
    except OSError:
        return folder, None
    stack.callback(os.close, door)
    return folder, door


def _lock(descriptor, kind):
    if descriptor is None:
        return
    end = time.monotonic() + _PATIENCE
    while time.monotonic() < end:
        try:
            return fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno not in (errno.EAGAIN, errno.EACCES):
                return None  # The file system has no locks.
        time.sleep(_PAUSE)


def _is(folder, entry):
    try:
        return os.path.samestat(os.fstat(folder), os.stat(entry))
    except FileNotFoundError:
        return False
