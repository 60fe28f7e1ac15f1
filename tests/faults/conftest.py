"""Trials of faults: what was tried and how it ended, printed and written into the docs.

    python -m pytest -m slow tests/faults --write-counts

writes the rows of the trials that ran into `docs/reliability.md`; rows of others stay.
"""

import datetime
import pathlib
import re
import sys

import pytest

from rstg_tf.files import written_whole

DOCS = pathlib.Path(__file__).resolve().parents[2] / "docs" / "reliability.md"
# For the server beside the tests of serving.
sys.path.insert(0, str(DOCS.parents[1] / "tests" / "serving"))
_TABLE = re.compile(r"(?<=\|---\|---\|---\|\n)((?:\|.*\|\n)*)")
_rows = {}


@pytest.fixture
def counted(capsys):
    """A function `(trial, **counts)` that prints how a trial ended and keeps it for the docs.

    `trial` says in words what was tried; counts are numbers by what came of it, as
    `counted("kills of a training", tried=30, same_end=30)`. Call it before the assertions.
    """

    def keep(trial, **counts):
        outcome = ", ".join(
            f"{number:,} {name.replace('_', ' ')}" for name, number in counts.items()
        )
        _rows[trial] = outcome
        with capsys.disabled():
            print(f"\n{trial}: {outcome}")

    return keep


def pytest_sessionfinish(session):
    if not session.config.getoption("--write-counts") or not _rows:
        return
    text = DOCS.read_text(encoding="utf-8")
    there = dict(re.findall(r"^\| (.*?) (\|.*\|)$", _TABLE.search(text)[1], re.MULTILINE))
    today = datetime.date.today().isoformat()
    there |= {trial: f"| {outcome} | {today} |" for trial, outcome in _rows.items()}
    table = "".join(f"| {trial} {rest}\n" for trial, rest in sorted(there.items()))
    with written_whole(DOCS) as part:
        part.write_text(_TABLE.sub(lambda _: table, text, count=1), encoding="utf-8")
