"""Files and folders that are there whole or not at all, whatever ends the process."""

import contextlib
import ctypes
import errno
import fcntl
import glob
import logging
import math
import os
import pathlib
import re
import secrets
import shutil
import tempfile
import time

_LOG = logging.getLogger(__name__)
_PAUSE = 0.02  # Seconds.
_PART = re.compile(r"\.([^/]+)\.[0-9a-f]{16}\.part")
# As it is left of an address that was taken for a path: `s3:/bucket`, or its first part.
_ADDRESS = re.compile(r"(?:s3|gs|hdfs|https?|file):(?:/|$)")
_NO_LOCKS = (errno.ENOLCK, errno.ENOTSUP, errno.EOPNOTSUPP)
_NO_EXCHANGE = (errno.ENOSYS, errno.EINVAL, errno.ENOTSUP, errno.EOPNOTSUPP)
_AT_FDCWD, _RENAME_NOREPLACE, _RENAME_EXCHANGE = -100, 1, 2  # <fcntl.h>, <linux/fs.h>


@contextlib.contextmanager
def written_whole(path):
    """Yields an empty file to write to, which takes the place of `path` only at the end.

    It has a name that no other process uses, beside `path`, whose folder is made if it is missing.
    It is synced to the disk before it is renamed, so that a power cut leaves the old file or the
    new one. Where writing fails, it is removed and `path` stays as it was; an OSError, as of a full
    disk, names `path`. Parts of killed processes are cleared.
    """
    path = pathlib.Path(path)
    with _part(path, _make_file) as part:
        yield part
        sync(part)
        os.replace(part, path)
        sync_entry(path)


@contextlib.contextmanager
def folder_written_whole(path, new=False):
    """As `written_whole` for a folder, which takes the place of one that is there atomically.

    With `new`, one that is there by then stays, with a FileExistsError.
    """
    path = pathlib.Path(path)
    with _part(path, _make_folder) as part:
        yield part
        sync(part)
        if not new:
            place(part, path)
            return
        if not _renameat2(part, path, _RENAME_NOREPLACE):
            if os.path.lexists(path):
                raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), os.fspath(path))
            os.rename(part, path)
        sync_entry(path)


def place(part, path):
    """Renames a synced folder to `path`; a folder that was there is removed.

    Readers see the old folder or the new one. Only on a file system that can't exchange two names
    is there a moment between them, without either.
    """
    if not os.path.lexists(path):
        os.rename(part, path)
        sync_entry(path)
        return
    exchange(part, path)
    sync_entry(path)
    shutil.rmtree(part)


def exchange(one, other):
    """Exchanges the names of two files or folders of one file system, atomically where it can."""
    if _renameat2(one, other, _RENAME_EXCHANGE):
        return
    between = pathlib.Path(f"{one}.{secrets.token_hex(4)}")
    os.rename(other, between)
    os.rename(one, other)
    os.rename(between, one)


def _renameat2(one, other, flag):
    """Whether this system and file system can do it; then it is done."""
    libc = ctypes.CDLL(None, use_errno=True)
    if not hasattr(libc, "renameat2"):
        return False
    if not libc.renameat2(_AT_FDCWD, os.fsencode(one), _AT_FDCWD, os.fsencode(other), flag):
        return True
    number = ctypes.get_errno()
    if number not in _NO_EXCHANGE:
        raise OSError(number, os.strerror(number), os.fspath(other))
    return False


def sync(path):
    """Writes a file, or a folder with all that is in it, to the disk."""
    for parent, _, names in os.walk(path, topdown=False):
        for name in names:
            if not os.path.islink(os.path.join(parent, name)):
                _fsync(os.path.join(parent, name))
        _fsync(parent)
    if not os.path.isdir(path):
        _fsync(path)


def sync_entry(path):
    """Writes the name of a file or folder, as its folder holds it, to the disk."""
    _fsync(os.path.dirname(os.path.abspath(path)))


def make_folder(path):
    """Makes a folder, and those around it that are missing, with their names on the disk."""
    path = pathlib.Path(path)
    missing = [folder for folder in (path, *path.parents) if not folder.exists()]
    path.mkdir(parents=True, exist_ok=True)
    for folder in reversed(missing):
        sync_entry(folder)


@contextlib.contextmanager
def locked(folder, wait=True):
    """Keeps other processes that ask for it out of a folder; the lock ends with the process.

    Where another process has the lock, it waits, which is logged after a second; without `wait` it
    raises a BlockingIOError.
    """
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        due = time.monotonic() + 1
        while _try_lock(descriptor) is False:
            if not wait:
                raise BlockingIOError(errno.EAGAIN, "Another process works there", str(folder))
            if time.monotonic() > due:
                _LOG.warning("another process works in %s; waiting for it", folder)
                due = math.inf
            time.sleep(_PAUSE)
        yield
    finally:
        os.close(descriptor)


def check_room(folder, num_bytes=2**20):
    """Checks, before long work, that so much can be written into a folder; it is made if need be.

    Raises a ValueError where it is an address, such as `s3://...`, and an OSError that names it
    where it can't be made or written to, or less is free on its disk.
    """
    folder = pathlib.Path(folder)
    if _ADDRESS.match(str(folder)):
        raise ValueError(f"A folder on this machine must be named. Received: {folder}")
    try:
        make_folder(folder)
        descriptor, probe = None, folder / f".{secrets.token_hex(8)}.part"
        descriptor = os.open(probe, os.O_CREAT | os.O_EXCL | os.O_WRONLY)
        os.close(descriptor)
        probe.unlink(missing_ok=True)  # Who clears up may have been faster.
        free = shutil.disk_usage(folder).free
    except OSError as error:
        raise OSError(
            error.errno, f"Files can't be written there ({os.strerror(error.errno)})", str(folder)
        ) from error
    if free < num_bytes:
        raise OSError(
            errno.ENOSPC,
            f"The disk must have {num_bytes / 1e6:.0f} MB free, it has {free / 1e6:.0f}",
            str(folder),
        )


def check_temporary_room(num_bytes=2**20):
    """As `check_room` for temporary files, where TMPDIR says and where Python puts them.

    Python takes another folder where TMPDIR can't be used, which nobody asked for.
    """
    named = os.environ.get("TMPDIR")
    if named and not os.path.isdir(named):
        raise NotADirectoryError(errno.ENOTDIR, "TMPDIR must name a folder", named)
    for folder in filter(None, (named, tempfile.gettempdir())):
        check_room(folder, num_bytes)


@contextlib.contextmanager
def temporary_folder(num_bytes=2**20):
    """Yields the path of a folder, a str, for at least so many bytes, for as long as it is needed.

    Raises an OSError that names a folder where it can't be made or written.
    """
    check_temporary_room(num_bytes)
    with tempfile.TemporaryDirectory() as folder, naming(folder):
        yield folder


@contextlib.contextmanager
def naming(path):
    """Names a path in errors that name none, as those of `write`, or that name a hidden part."""
    try:
        yield
    except OSError as error:
        named = str(path) if error.filename is None else without_parts(str(error.filename))
        if error.errno is None or named == str(error.filename):
            raise
        raise OSError(error.errno, error.strerror, named) from error


def without_parts(text):
    """Text, as a library's message, with the files wanted in place of their hidden parts."""
    return _PART.sub(r"\1", text)


def clear_parts(folder):
    """Removes all that killed processes left half-written in a folder, whatever it was to be."""
    _clear_like(f"{glob.escape(str(folder))}/.*.part")


@contextlib.contextmanager
def _part(path, make):
    """Makes a part of a name of its own, which is locked while its process lives."""
    if not path.parent.is_dir():
        check_room(path.parent)
    # Parts of this path whose processes were killed.
    _clear_like(f"{glob.escape(str(path.with_name(_part_prefix(path))))}*.part")
    part, descriptor = None, None
    try:
        while descriptor is None:
            part = path.with_name(f"{_part_prefix(path)}{secrets.token_hex(8)}.part")
            with naming(path):
                descriptor = make(part)
        with naming(path):
            yield part
    finally:
        if descriptor is not None:
            _remove(part)
            os.close(descriptor)


def _part_prefix(path):
    return os.fsdecode(b".%b." % os.fsencode(path.name)[:180])  # A name has 255 bytes at most.


def _make_file(part):
    return _own(os.open(part, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o666), part)


def _make_folder(part):
    os.mkdir(part)
    return _own(os.open(part, os.O_RDONLY), part)


def _own(descriptor, part):
    """Locks a new part; None where another process took it for one of a killed process."""
    with contextlib.suppress(FileNotFoundError):
        _try_lock(descriptor)
        if os.path.samestat(os.fstat(descriptor), os.stat(part)):
            return descriptor
    os.close(descriptor)
    return None


def _try_lock(descriptor):
    """Whether this process has the lock now; None where the file system has no locks."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        if error.errno not in _NO_LOCKS:
            raise
        return None
    return True


def _clear_like(pattern):
    for left in glob.glob(pattern):
        with contextlib.suppress(FileNotFoundError):  # Another process may clear them, too.
            descriptor = os.open(left, os.O_RDONLY)
            try:
                if _try_lock(descriptor):
                    _remove(pathlib.Path(left))
            finally:
                os.close(descriptor)


def _remove(part):
    if part.is_dir():
        shutil.rmtree(part)
    else:
        part.unlink(missing_ok=True)


def _fsync(path):
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:  # Some file systems can't sync a folder.
        if error.errno != errno.EINVAL:
            raise
    finally:
        os.close(descriptor)
