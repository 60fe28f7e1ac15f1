"""What the README shows works as it stands there."""

import pathlib
import re
import subprocess
import sys

import pytest

REPOSITORY = pathlib.Path(__file__).resolve().parents[1]
README = (REPOSITORY / "README.md").read_text()
PYTHON = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
COMMANDS = sorted(
    set(re.findall(r"^python ((?:pipelines|exports)/\S+) ?(.*)$", README, re.MULTILINE))
)


def test_python_examples_run_in_their_order():
    code = "\n".join(PYTHON)
    subprocess.run([sys.executable, "-c", code], check=True, cwd=REPOSITORY)


@pytest.mark.parametrize("command", sorted({command for command, _ in COMMANDS}))
def test_commands_know_the_flags_they_are_shown_with(command):
    done = subprocess.run(
        [sys.executable, command, "--help"],
        check=True,
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
    )
    shown = {flag for used, line in COMMANDS if used == command for flag in flags(line)}
    assert shown <= set(flags(done.stdout))
    assert "Warning" not in done.stderr


def flags(text):
    return re.findall(r"--[a-z_-]+", text)
