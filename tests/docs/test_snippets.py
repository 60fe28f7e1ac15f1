"""What README.md and the pages of docs/ show works as it stands there."""

import functools
import pathlib
import re
import subprocess
import sys
import tomllib

import pytest

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
PAGES = [REPOSITORY / "README.md", *sorted((REPOSITORY / "docs").rglob("*.md"))]
FENCE = re.compile(r"^( *)(?:<!-- not run: (.+) -->\n *)?```(\w*)\n(.*?)^ *```$", re.M | re.S)
COMMAND = re.compile(
    r"^(python (?:pipelines|exports)/\w+\.py|rstg (?:(?:data|zoo) )?[a-z-]+)\b(.*)$", re.M
)


def blocks(page, language):
    """Code of this language on a page, without what is marked as not run."""
    for _, reason, name, code in FENCE.findall(page.read_text()):
        if name == language and not reason:
            yield code


def name_of(page):
    return str(page.relative_to(REPOSITORY))


def commands():
    """Dict from each command that is shown to the flags it is shown with."""
    shown = {}
    for page in PAGES:
        for code in blocks(page, "sh"):
            for command, line in COMMAND.findall(code.replace("\\\n", " ")):
                shown.setdefault(command, set()).update(flags(line))
    return shown


def flags(text):
    return re.findall(r"--[a-z_-]+", text)


@functools.cache
def known_flags(command):
    program, *words = command.split()
    module = ["-m", "rstg_tf.cli"] if program == "rstg" else []
    done = subprocess.run(
        [sys.executable, *module, *words, "--help"],
        check=True,
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
    )
    assert "Warning" not in done.stderr
    return set(flags(done.stdout))


@pytest.mark.parametrize(
    "page", [page for page in PAGES if any(blocks(page, "python"))], ids=name_of
)
def test_python_examples_run_in_their_order(page):
    subprocess.run(
        [sys.executable, "-c", "\n".join(blocks(page, "python"))], check=True, cwd=REPOSITORY
    )


@pytest.mark.parametrize("page", [page for page in PAGES if any(blocks(page, "sh"))], ids=name_of)
def test_shell_examples_can_be_parsed(page):
    code = "\n".join(blocks(page, "sh"))
    subprocess.run(["bash", "-n"], input=code, check=True, text=True)


@pytest.mark.parametrize("command", sorted(commands()))
def test_commands_know_the_flags_they_are_shown_with(command):
    assert commands()[command] <= known_flags(command)


def test_toml_can_be_parsed():
    for page in PAGES:
        for code in blocks(page, "toml"):
            tomllib.loads(code)


def test_no_fence_is_without_a_language_or_escapes_the_tests():
    for page in PAGES:
        found = FENCE.findall(page.read_text())
        assert len(found) * 2 == len(re.findall(r"^ *```", page.read_text(), re.M)), page
        assert {name for _, _, name, _ in found} <= {"python", "sh", "text", "toml", "bibtex"}, page
