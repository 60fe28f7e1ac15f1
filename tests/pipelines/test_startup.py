"""Errors that a user can mend end a command in one line; those of our own show where they are."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def end(raising, before="", **environment):
    """Runs Python code that raises within `one_line_errors`."""
    code = (
        "from rstg_tf.cli import startup\nstartup.prepare()\n"
        f"{before}\nwith startup.one_line_errors():\n    {raising}\n"
    )
    return subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        env={"PYTHONPATH": str(ROOT), "PATH": "", "TF_CPP_MIN_LOG_LEVEL": "3", **environment},
    )


CASES = [
    ("raise ValueError('X must be 1.\\nReceived: 2')", "X must be 1. Received: 2"),
    ("open('/nowhere/file')", "[Errno 2] No such file or directory: '/nowhere/file'"),
    ("raise MemoryError('28 GB')", "There is not enough memory. 28 GB"),
    ("f = lambda: f(); f()", "An input is nested too deep (maximum recursion depth exceeded)"),
    (
        "raise ValueError('/a/.b.0123456789abcdef.part/c and /a/d.part; No space left')",
        "/a/b/c and /a/d.part; No space left",
    ),
    ("raise ValueError('file \\x1b[2J\\udcff')", "file \\x1b[2J\\xff"),
    ("raise ValueError('Missing:\\n  one\\n  two')", "Missing:\n  one\n  two"),
]


def test_one_line_and_what_is_listed_below():
    done = end(
        "for raising in RAISING:\n"
        "        try:\n"
        "            with startup.one_line_errors():\n"
        "                exec(raising)\n"
        "        except SystemExit as error:\n"
        "            assert error.code == 2\n",
        before=f"RAISING = {[raising for raising, _ in CASES]!r}",
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == "".join(f"error: {line}\n" for _, line in CASES)


def test_an_error_of_our_own_shows_where():
    done = end("{}['key']")
    assert done.returncode == 1
    assert "Traceback" in done.stderr and "KeyError: 'key'" in done.stderr


def test_traceback_where_it_is_asked_for():
    done = end("raise ValueError('X')", RSTG_TF_TRACEBACK="1")
    assert done.returncode == 1 and "Traceback" in done.stderr


def test_errors_of_tensorflow(small_disk):
    (small_disk / "filler").write_bytes(b"x" * 2**20)
    done = end(
        f"tf.train.Checkpoint(v=tf.Variable(tf.zeros(10**6))).write('{small_disk}/c')",
        before="import tensorflow as tf",
    )
    assert done.returncode == 2
    assert done.stderr.startswith("error: The disk is full. Received: ")
    assert str(small_disk) in done.stderr and len(done.stderr.splitlines()) == 1
    assert "{{" not in done.stderr and "[Op" not in done.stderr
    done = end(
        "tf.constant(1) + tf.constant([1.0])",
        before="import tensorflow as tf",
    )
    assert done.returncode == 1 and "Traceback" in done.stderr  # Nothing that a user can mend.


def test_error_of_a_layer_is_its_own_sentence():
    done = end(
        "Picky()(tf.zeros(1))",
        before="""
import tensorflow as tf
class Picky(tf.keras.layers.Layer):
    def call(self, inputs):
        raise ValueError(f"Clips must have 5 axes. Received: {inputs.shape}")
""",
    )
    assert (done.returncode, done.stderr) == (2, "error: Clips must have 5 axes. Received: (1,)\n")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize(
    "on_the_way_out", ["raise", "print('noise', file=sys.stderr); raise RuntimeError('wrapped')"]
)
def test_a_signal_ends_a_command_in_one_line(number, on_the_way_out, tmp_path):
    part = tmp_path / "part"
    done = end(
        f"try: part.touch(); os.kill(os.getpid(), {int(number)}); time.sleep(60)\n"
        f"    except KeyboardInterrupt: {on_the_way_out}\n"
        "    finally: part.unlink()",
        before=f"import os, pathlib, sys, time; part = pathlib.Path({str(part)!r})",
    )
    assert done.returncode == 128 + number
    assert done.stderr == "\ninterrupted\n"
    assert not part.exists()
