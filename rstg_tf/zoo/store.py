"""Entries that come into a zoo whole or not at all, and the manifest that lists them."""

import contextlib
import errno
import pathlib
import re
import shutil
import tempfile

from rstg_tf import files
from rstg_tf.hub import entry_lock, manifest

MAX_MEGABYTES = 8  # A zoo lies in the repository.
_ABSOLUTE = re.compile(r"(?<![\w.:/])/(?:[^\s/,:='\"]+/)+(?=[^\s/])")
_FULL = (errno.ENOSPC, errno.EDQUOT)


@contextlib.contextmanager
def new_entry(zoo, name, overwrite=False):
    """Yields an empty folder that becomes the entry, and a dict for what the manifest says of it.

    One process writes at a time; readers see the old entry or the new one. An error leaves all as
    it was; if a process is killed, the next writer repairs the manifest. Raises as `check_free`
    does, and `OSError` if the folder can't be written or the disk is full.
    """
    zoo = pathlib.Path(zoo)
    check_free(zoo, name, overwrite)
    files.check_room(zoo, 0)
    with files.locked(zoo), _told_of_a_full_disk(zoo, name):
        files.clear_parts(zoo)
        check_free(zoo, name, overwrite)
        entries, about = _mended(zoo), {}
        with contextlib.ExitStack() as stack:
            listing = stack.enter_context(files.written_whole(zoo / manifest.FILE_NAME))
            with files.folder_written_whole(zoo / name) as part:
                yield part, about
                entries[name] = manifest.write_entry(part, name, about)
                manifest.write_manifest(listing, entries)
                files.sync(listing)  # A full disk shows now, while all is as it was.
                stack.enter_context(entry_lock.replacing(zoo / name))


@contextlib.contextmanager
def changed_entry(zoo, name):
    """Yields a copy of an entry to change, as `new_entry` does; it then takes the entry's place.

    Raises `ValueError` if the entry is unknown or damaged.
    """
    zoo = pathlib.Path(zoo)
    entries = manifest.read_manifest(zoo)
    if name not in entries:
        raise manifest.unknown_model(name, entries, zoo)
    with new_entry(zoo, name, overwrite=True) as (part, about):
        _, entry = manifest.read_entry(zoo / name) or (name, manifest.read_manifest(zoo)[name])
        manifest.verify(zoo / name, entry["files"])
        shutil.copytree(zoo / name, part, dirs_exist_ok=True)
        (part / manifest.ENTRY).unlink(missing_ok=True)
        about |= {key: entry[key] for key in entry if key not in ("files", "checksum")}
        yield part, about


def check_room(zoo, name, num_bytes):
    """Raises `OSError`, before long work, if `num_bytes` can't be written to the zoo's folder."""
    with _told_of_a_full_disk(zoo, name):
        files.check_room(zoo, num_bytes)


def check_free(zoo, name, overwrite=False):
    """Raises `ValueError` if a name is not fit for a folder, `FileExistsError` if it is taken."""
    zoo = pathlib.Path(zoo)
    if not manifest.is_name(name):
        raise ValueError(
            "The name of a model has letters, digits, `_`, `-` and `.` only, and starts with a "
            f"letter or digit. Received: {name!r}"
        )
    if (zoo / name).exists() and not overwrite:
        raise FileExistsError(
            f"A model is replaced only where that is asked for (--overwrite). "
            f"Received: {zoo / name}, which exists"
        )
    others = [path.name for path in zoo.glob("*") if path.name.casefold() == name.casefold()]
    if others not in ([], [name]):
        raise FileExistsError(
            "Names of models must not differ in upper and lower case only. "
            f"Received: {name}, beside {' and '.join(others)} in {zoo}"
        )


def check_size(size, name, max_megabytes=MAX_MEGABYTES):
    """Raises `ValueError` if `size` bytes are more than `max_megabytes` of 1,000,000 bytes."""
    if size > max_megabytes * 1e6:
        raise ValueError(
            f"An entry of the zoo takes at most {max_megabytes:g} MB: train a smaller model "
            "(--scale=lite, or fewer filters and dimensions), or publish it into a zoo of your own "
            "(--zoo) that may hold larger ones (--max-megabytes). "
            f"Received: {name} of {size / 1e6:.2f} MB"
        )


def size_of(directory):
    """Bytes of all files below a folder."""
    return sum(path.stat().st_size for path in pathlib.Path(directory).rglob("*") if path.is_file())


def without_paths(text):
    """Replaces absolute paths in a text by their last parts; URLs and relative paths stay."""
    return _ABSOLUTE.sub("", text)


def _mended(zoo):
    """What the manifest shall list: what entries say of themselves counts."""
    entries = manifest.read_manifest(zoo)
    for directory in zoo.iterdir():
        if manifest.is_name(directory.name) and not directory.is_symlink():
            name, entry = _own(directory) or (None, None)
            if name == directory.name:
                entries[name] = entry
    return entries


def _own(directory):
    with contextlib.suppress(ValueError):  # Readers are told of a damaged one.
        return manifest.read_entry(directory)
    return None


@contextlib.contextmanager
def _told_of_a_full_disk(zoo, name):
    try:
        yield
    except Exception as error:
        if _is_full(error):
            where = getattr(error, "filename", None) or f"{zoo} or {tempfile.gettempdir()}"
            raise OSError(
                errno.ENOSPC,
                f"There must be room on the disk to publish {name!r}; nothing was left "
                f"behind. Received: no space left in {where}",
            ) from error
        raise


def _is_full(error):
    """Whether an error, or what it came from, says that the disk is full."""
    while error is not None:
        if getattr(error, "errno", None) in _FULL or "No space left" in str(error):
            return True
        error = error.__cause__ or error.__context__
    return False
