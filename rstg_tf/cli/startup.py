"""Around every command: a quiet start with little memory, and errors in one line."""

import contextlib
import ctypes
import io
import logging
import os
import re
import sys
import warnings

from rstg_tf.cli.interruption import interruptible
from rstg_tf.text import printable

_M_ARENA_MAX = -8  # <malloc.h>


def prepare():
    """Sets what TensorFlow, glibc and the terminal must know before TensorFlow is imported."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    # TensorFlow's own pool: glibc gives large tensors back to the system at every step, which then
    # has to clear their pages anew. Trainings are 1.2 to 1.4 times faster so (2 cores).
    os.environ.setdefault("TF_CPU_ALLOCATOR_USE_BFC", "1")
    # Names that the terminal's encoding lacks are escaped: one of them must not end a command.
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    # What the library logs is shown, line by line on stderr, whatever else configures logging.
    logger = logging.getLogger("rstg_tf")
    logger.setLevel(logging.WARNING)
    logger.addHandler(logging.lastResort)
    warnings.filterwarnings("ignore", message=r"\s*TensorFlow Addons")
    warnings.filterwarnings("ignore", category=DeprecationWarning)
    # glibc gives each thread a pool of its own, from which the others can't take what it frees, so
    # that records which wait to be shuffled would take up to four times their size. Two pools for
    # all must be asked for before TensorFlow starts its threads.
    if hasattr(ctypes.CDLL(None), "mallopt"):
        ctypes.CDLL(None).mallopt(_M_ARENA_MAX, 2)


@contextlib.contextmanager
def one_line_errors(interrupted="interrupted"):
    """Ends the command with one line on bad input (exit code 2) or on a signal (`interrupted`).

    The indented lines of a list in the message follow. `RSTG_TF_TRACEBACK=1` shows the traceback.
    """
    if os.environ.get("RSTG_TF_TRACEBACK"):
        yield
        return
    try:
        with interruptible(interrupted):
            yield
    except Exception as error:
        reason = _reason(error)
        if reason is None:
            raise
        print("error:", _in_one_line(reason), file=sys.stderr)
        sys.exit(2)


def _reason(error):
    """What a user can mend, in words; None where the error is one of our own."""
    message = str(error)
    if isinstance(error, (ValueError, TypeError, OSError, ArithmeticError)):
        return _of_layer(message)
    if isinstance(error, MemoryError):
        return f"There is not enough memory. {message}"
    if isinstance(error, RecursionError):
        return f"An input is nested too deep ({message})"
    # What the input pipeline found wrong: TensorFlow wraps its error into one of its own.
    found = re.search(r"(?:ValueError|FileNotFoundError|OSError): (.*?)\nTraceback", message, re.S)
    if found:
        return found[1]
    tensorflow = sys.modules.get("tensorflow")
    if tensorflow and isinstance(error, tensorflow.errors.OpError):
        return _of_file_or_memory(error)
    return None


def _of_layer(message):
    """Takes off what Keras writes around an error of a layer."""
    around = r"Exception encountered when calling .*?\n\n(.*)\n\nCall arguments received.*"
    while found := re.fullmatch(around, message, re.DOTALL):
        message = found[1]
    return message


def _of_file_or_memory(error):
    first = error.message.strip().split("\n")[0]
    first = re.sub(r"\{\{.*?\}\}\s*|\s*\[Op:.*", "", first)  # TensorFlow's name of the operation.
    if isinstance(error, sys.modules["tensorflow"].errors.ResourceExhaustedError):
        full = "No space left" in first
        return f"{'The disk is full' if full else 'There is not enough memory'}. Received: {first}"
    # Errors of the system, as "/folder/file.part; Read-only file system".
    return first if re.search(r"; [A-Z][\w -]+$", first) else None


def _in_one_line(message):
    from rstg_tf.files import without_parts

    lines = without_parts(message).splitlines()
    listed = [line for line in lines if line.startswith("  ")]
    rest = " ".join(" ".join(line for line in lines if line not in listed).split())
    return "\n".join(map(printable, [rest, *listed]))
