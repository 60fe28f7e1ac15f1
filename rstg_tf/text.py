"""Text of strangers: names of files and classes, shown where they can do no harm."""

import html
import os
import pathlib
import re
import unicodedata

# Categories of Unicode: controls, formats (which turn the direction of what follows), halves of
# characters (bytes of a file name that are not UTF-8), and what str.splitlines takes for an end.
_UNSEEN = ("Cc", "Cf", "Cs", "Zl", "Zp")
_JOINERS = "\u200c\u200d"  # They shape letters and emoji.
_MARKDOWN = re.compile(r"([\\`*_{}\[\]()#+!|~$:-])")


def printable(text):
    """Returns text for a terminal: what would steer it, or can't be encoded, is escaped.

    Bytes of a file name that are not UTF-8 stand as `\\xe9`.

    Example:
        >>> printable("push\\x1b[2J")
        'push\\\\x1b[2J'
    """
    return "".join(_escaped(one) if _is_unseen(one) else one for one in str(text))


def markdown(text):
    """Returns text for one line of Markdown, a cell of a table included, that shows as it is."""
    shown = html.escape(printable(text), quote=False)
    return _MARKDOWN.sub(r"\\\1", shown)


def check_class_name(name, where):
    """Raises a ValueError where a class can't be called so, since a list holds one name a line.

    `where` is the file or folder it comes from.
    """
    unseen = next((one for one in name if _is_unseen(one) and one not in _JOINERS), None)
    if unseen is not None:
        raise ValueError(
            "The name of a class must be one line of characters that can be seen. "
            f"Received: {printable(name)!r} with {_named(unseen)}, in {printable(where)}"
        )
    if not name.strip():
        raise ValueError(f"The name of a class must not be empty. Received: {name!r}, in {where}")


def read_class_names(path: str | os.PathLike) -> list[str]:
    """Reads the names of classes, in the order of a file in UTF-8 with one a line.

    Raises a ValueError where it is not in UTF-8, or a class can't be called so.
    """
    try:
        names = pathlib.Path(path).read_text(encoding="utf-8").removesuffix("\n").split("\n")
    except UnicodeDecodeError as error:
        raise ValueError(
            f"Names of classes must be in UTF-8 ({error.reason}). Received: {path}"
        ) from error
    for name in names:
        check_class_name(name, path)
    return names


def _is_unseen(character):
    return unicodedata.category(character) in _UNSEEN


def _escaped(character):
    if character in _JOINERS:
        return character
    if "\udc80" <= character <= "\udcff":  # What os.fsdecode makes of such a byte.
        return f"\\x{ord(character) - 0xDC00:02x}"
    return character.encode("unicode_escape", "surrogatepass").decode()


def _named(character):
    return f"U+{ord(character):04X} ({unicodedata.name(character, 'a control character').lower()})"
