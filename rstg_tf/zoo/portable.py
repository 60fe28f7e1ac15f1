"""What an entry says, without the paths of the machine that made it."""

import re

_ABSOLUTE = re.compile(r"(?<![\w.:/])/(?:[^\s/,:='\"]+/)+(?=[^\s/])")


def without_paths(text):
    """Replaces absolute paths in a text by their last parts, as in commands and JSON.

    Args:
        text: a str.

    Returns:
        The str; URLs and relative paths stay.
    """
    return _ABSOLUTE.sub("", text)
