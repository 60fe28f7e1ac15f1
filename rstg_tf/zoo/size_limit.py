"""How large an entry may be: a zoo lies in the repository."""

import pathlib

MAX_MEGABYTES = 8


def check_size(size, name, max_megabytes=MAX_MEGABYTES):
    """Checks that an entry is small enough.

    Args:
        size: its bytes.
        name: what to call it.
        max_megabytes: the limit, in units of 1,000,000 bytes.

    Raises:
        ValueError: it is too large.
    """
    if size > max_megabytes * 1e6:
        raise ValueError(
            f"An entry of the zoo takes at most {max_megabytes:g} MB: train a smaller model "
            "(--size=lite, or fewer filters and dimensions), or publish it into a zoo of your own "
            "(--zoo) that may hold larger ones (--max_megabytes). "
            f"Received: {name} of {size / 1e6:.2f} MB"
        )


def size_of(directory):
    """Bytes of all files below a folder."""
    return sum(path.stat().st_size for path in pathlib.Path(directory).rglob("*") if path.is_file())
