"""Files that are there whole or not at all."""

import contextlib
import os
import pathlib


@contextlib.contextmanager
def written_whole(path):
    """Gives a path to write to; what was written takes the place of `path` only at the end.

    Args:
        path: the file wanted; its folder exists.

    Yields:
        `pathlib.Path` of a file beside it. Where writing it fails, it is removed and `path`
        stays as it was.
    """
    path = pathlib.Path(path)
    part = path.with_name(f".{path.name}.part")
    try:
        yield part
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)
