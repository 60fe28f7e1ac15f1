"""Text of configs, metrics and manifests within a page of Markdown, where it is no markup."""

import re

from rstg_tf.text import markdown, printable

# Characters that are never markup in the middle of a line, and no address that becomes a link.
_PLAIN = re.compile(
    r"(?!.*(?:://|www\.))(?:[a-z0-9 ,.;:()%@/+=×…'-]|(?<=[a-z0-9])_(?=[a-z0-9]))*", re.IGNORECASE
)


def inline(text):
    """Returns text for the middle of a line or a cell of a table, as it is where it is plain.

    Args:
        text: anything with a `str`.

    Returns:
        Markdown that shows the text.
    """
    text = str(text)
    return text if _PLAIN.fullmatch(text) else markdown(text)


def prose(text):
    """Returns words that may hold spans of code, as `` `norm=batch` ``, on one line.

    Args:
        text: a str.

    Returns:
        Markdown that shows the text, with its spans.
    """
    parts = re.split(r"`([^`]+)`", text)
    return "".join(code(part) if place % 2 else inline(part) for place, part in enumerate(parts))


def code(text, in_table=False):
    """Returns text as a span of code.

    Args:
        text: anything with a `str`.
        in_table: whether it stands in a cell of a table.

    Returns:
        Markdown that shows the text.
    """
    text = printable(text).replace("|", r"\|" if in_table else "|")
    longest = max(map(len, re.findall("`+", text)), default=0)
    fence, space = "`" * (longest + 1), " " * ("`" in text)
    return f"{fence}{space}{text}{space}{fence}"
