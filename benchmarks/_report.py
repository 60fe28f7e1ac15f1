"""Tables of `benchmarks/README.md`, written by the programs that measure."""

import pathlib

from rstg_tf.files import written_whole

README = pathlib.Path(__file__).with_name("README.md")


def write_section(name, markdown):
    """Replaces what stands between `<!-- NAME:begin -->` and `<!-- NAME:end -->`.

    Where the markers are missing they are added at the end.

    Args:
        name: Name of the section.
        markdown: Its new content.
    """
    begin, end = f"<!-- {name}:begin -->", f"<!-- {name}:end -->"
    text = README.read_text() if README.exists() else "# Benchmarks\n"
    if begin not in text:
        text = f"{text.rstrip()}\n\n{begin}\n{end}\n"
    before, rest = text.split(begin, 1)
    after = rest.split(end, 1)[1]
    with written_whole(README) as part:
        part.write_text(f"{before}{begin}\n{markdown.strip()}\n{end}{after}")
