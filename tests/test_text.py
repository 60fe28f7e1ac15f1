"""Text of strangers, shown to terminals and in Markdown."""

import unicodedata

import pytest

from rstg_tf.text import check_class_name, markdown, printable

PLAIN = [
    "push",
    "Pushing [something] from left to right",
    "推动",
    "दबाना",
    "é",
    "👩‍👩‍👧",
    "a:b $5 <b>",
]


@pytest.mark.parametrize("text", PLAIN)
def test_what_can_be_seen_is_printed_as_it_is(text):
    assert printable(text) == text
    check_class_name(text, "labels.txt")


@pytest.mark.parametrize(
    ("character", "shown"),
    [
        ("\x1b", r"\x1b"),
        ("\n", r"\n"),
        ("\r", r"\r"),
        ("\x85", r"\x85"),
        ("\x9b", r"\x9b"),
        ("\x0b", r"\x0b"),
        ("\u2028", r"\u2028"),
        ("\u202e", r"\u202e"),
        ("\udcff", r"\xff"),
        ("\0", r"\x00"),
    ],
)
def test_what_steers_a_terminal_is_escaped_and_names_no_class(character, shown):
    text = f"push{character}pull"
    assert printable(text) == f"push{shown}pull"
    printable(text).encode()
    with pytest.raises(ValueError, match=f"U\\+{ord(character):04X}.*labels.txt") as raised:
        check_class_name(text, "labels.txt")
    assert printable(raised.value) == str(raised.value)


def test_no_character_of_control_is_left_out():
    seen = "".join(map(chr, range(0x11000)))
    left = {c for c in printable(seen) if unicodedata.category(c) in ("Cc", "Cf", "Zl", "Zp", "Cs")}
    assert left == {"\u200c", "\u200d"}
    assert len(printable(seen).splitlines()) == 1


@pytest.mark.parametrize("name", ["", " ", "\u00a0"])
def test_a_class_has_a_name(name):
    with pytest.raises(ValueError, match="must not be empty"):
        check_class_name(name, "labels.txt")


@pytest.mark.parametrize(
    "text",
    ["<script>alert(1)</script>", "a|b", "`x`", "**b**", "[a](http://b)", "![i](x)", "$x$", "# a"],
)
def test_markdown_shows_the_text_and_no_markup(text):
    from markdown_it import MarkdownIt

    shown = MarkdownIt("commonmark", {"html": True}).enable("table")
    tokens = shown.parse(f"| head |\n|---|\n| {markdown(text)} |\n")
    cells = [token for token in tokens if token.type == "inline"]
    assert len(cells) == 2
    assert {child.type for child in cells[1].children} <= {"text", "text_special"}
    assert "".join(child.content for child in cells[1].children) == text
    assert len(markdown(f"{text}\n{text}").splitlines()) == 1
