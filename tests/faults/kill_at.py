"""Kills a process at one of its file operations, or counts them.

    python tests/faults/kill_at.py --under=FOLDER 17 python pipelines/train.py ...
    python tests/faults/kill_at.py --under=FOLDER count python pipelines/train.py ...

Operations are what the process, its threads and its children do to files below FOLDER: opening for
writing, writing, syncing, renaming, removing, making folders; those of C++ (TensorFlow, FFmpeg)
count, too. At operation 17 all of them are killed (SIGKILL) before it is done; a write is half done
then. `count` lets the process end and prints the number of operations as the last line of stderr.
Linux with gcc only: a small library, kill_at.c, is loaded into the process.
"""

import argparse
import mmap
import os
import pathlib
import shutil
import signal
import struct
import subprocess
import sys
import tempfile

SOURCE = pathlib.Path(__file__).with_suffix(".c")


def available():
    """Whether this machine can do it."""
    return sys.platform == "linux" and shutil.which("gcc") is not None


def count_operations(command, under, **options):
    """Runs a command to its end.

    Args:
        command: list of arguments.
        under: folder whose files' operations count; it need not exist.
        **options: of `subprocess.Popen`.

    Returns:
        The number of operations and the `subprocess.CompletedProcess`, with its output as text.
    """
    return _run(command, under, 0, options)


def kill_at(number, command, under, **options):
    """Runs a command and kills it, with its children, at an operation.

    Args:
        number: of the operation, from 1.
        command: list of arguments.
        under: folder whose files' operations count.
        **options: of `subprocess.Popen`.

    Returns:
        Whether it was killed there, and the `subprocess.CompletedProcess`. A command with fewer
        operations ends by itself.
    """
    _, done = _run(command, under, number, options)
    return done.returncode == -signal.SIGKILL, done


def full_at(number, command, under, **options):
    """Runs a command whose disk is full from an operation on: what takes room fails (ENOSPC).

    Args:
        number: of the operation, from 1.
        command: list of arguments.
        under: folder that is on the disk.
        **options: of `subprocess.Popen`.

    Returns:
        The `subprocess.CompletedProcess`.
    """
    _, done = _run(command, under, number, options, KILL_AT_FULL="1")
    return done


def _run(command, under, number, options, **more):
    with tempfile.TemporaryDirectory() as folder:
        library, counter = pathlib.Path(folder, "kill_at.so"), pathlib.Path(folder, "counter")
        subprocess.run(
            ["gcc", "-O0", "-shared", "-fPIC", "-w", SOURCE, "-o", library, "-ldl"], check=True
        )
        counter.write_bytes(bytes(mmap.PAGESIZE))
        environment = {
            **(options.pop("env", None) or os.environ),
            "LD_PRELOAD": str(library),
            "KILL_AT": str(number),
            "KILL_AT_COUNTER": str(counter),
            "KILL_AT_UNDER": os.path.realpath(under),
            **more,
        }
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, **options}
        # A session of its own: the kill is for all processes of its group.
        with subprocess.Popen(command, env=environment, start_new_session=True, **pipes) as process:
            try:
                output, errors = process.communicate()
            finally:
                process.kill()
        done = subprocess.CompletedProcess(command, process.returncode, output, errors)
        return struct.unpack("q", counter.read_bytes()[:8])[0], done


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("number", help='of the operation, or "count"')
    parser.add_argument("--under", default=".", help="folder whose files count (default: here)")
    parser.add_argument("command", nargs=argparse.REMAINDER)
    arguments = parser.parse_args()
    pipes = {"stdout": None, "stderr": None}
    if arguments.number == "count":
        number, done = count_operations(arguments.command, arguments.under, **pipes)
        print(number, file=sys.stderr)
    else:
        _, done = kill_at(int(arguments.number), arguments.command, arguments.under, **pipes)
    sys.exit(done.returncode if done.returncode >= 0 else 128 - done.returncode)


if __name__ == "__main__":
    main()
