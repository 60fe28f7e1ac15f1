"""The helper of the trials: it kills where it says, so that a trial is one."""

import sys

import pytest
from faults.kill_at import available, count_operations, kill_at

pytestmark = pytest.mark.skipif(not available(), reason="killing at an operation takes gcc")

SCRIPT = """
import os, pathlib, subprocess, sys
folder = pathlib.Path(sys.argv[1])
(folder / "one").write_text("12345678")  # open, write
subprocess.run([sys.executable, "-c", "open('two', 'w').close()"], cwd=folder, check=True)
os.replace(folder / "one", folder / "two")
print("done")
"""


def test_counts_operations_of_all_processes_and_kills_at_one(tmp_path):
    def command(name):
        (tmp_path / name).mkdir()
        return [sys.executable, "-c", SCRIPT, str(tmp_path / name)]

    count, done = count_operations(command("whole"), tmp_path)
    assert (count, done.returncode, done.stdout) == (4, 0, "done\n"), done.stderr

    found = []
    for number in (1, 2, 3, 4, 5):
        killed, _ = kill_at(number, command(f"at {number}"), tmp_path)
        files = (tmp_path / f"at {number}").iterdir()
        found.append((killed, {path.name: path.read_text() for path in files}))
    assert found == [
        (True, {}),
        (True, {"one": "1234"}),
        (True, {"one": "12345678"}),
        (True, {"one": "12345678", "two": ""}),
        (False, {"two": "12345678"}),
    ]


@pytest.mark.slow
def test_counts_what_tensorflow_writes(tmp_path):
    script = "import sys, tensorflow as tf; tf.io.write_file(sys.argv[1], 'x')"
    command = [sys.executable, "-c", script, str(tmp_path / "file")]
    assert count_operations(command, tmp_path)[0] >= 2
