"""Imported first by every command: quiet start, little memory, errors in one line."""

import contextlib
import ctypes
import os
import pathlib
import re
import sys
import warnings

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
# TensorFlow's own pool: glibc gives large tensors back to the system at every step, which then has
# to clear their pages anew. Trainings are 1.2 to 1.4 times faster so (2 cores).
os.environ.setdefault("TF_CPU_ALLOCATOR_USE_BFC", "1")
warnings.filterwarnings("ignore", message=r"\s*TensorFlow Addons")
warnings.filterwarnings("ignore", category=DeprecationWarning)
# A command also runs from a clone that was not installed.
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

# glibc gives each thread a pool of its own, from which the others can't take what it frees, so that
# records which wait to be shuffled would take up to four times their size. Two pools for all must
# be asked for before TensorFlow starts its threads.
_M_ARENA_MAX = -8  # <malloc.h>
if hasattr(ctypes.CDLL(None), "mallopt"):
    ctypes.CDLL(None).mallopt(_M_ARENA_MAX, 2)


@contextlib.contextmanager
def one_line_errors():
    """Ends the command on bad input with one line and exit code 2, without a traceback.

    Where a message ends in a list, its indented lines follow.

    `RSTG_TF_TRACEBACK=1` shows the traceback.
    """
    if os.environ.get("RSTG_TF_TRACEBACK"):
        yield
        return
    try:
        yield
    except KeyboardInterrupt:
        print("\ninterrupted", file=sys.stderr)
        sys.exit(130)
    except Exception as error:
        if not isinstance(error, (ValueError, TypeError, OSError, ArithmeticError)):
            reason = _reason_of_input(error)
            if reason is None:
                raise
            error = reason
        print("error:", _in_one_line(str(error)), file=sys.stderr)
        sys.exit(2)


def _in_one_line(message):
    lines = message.splitlines()
    listed = [line for line in lines if line.startswith("  ")]
    rest = " ".join(" ".join(line for line in lines if line not in listed).split())
    return "\n".join([rest, *listed])


def _reason_of_input(error):
    """What the input pipeline found wrong: TensorFlow wraps its error into one of its own."""
    kinds = "ValueError|FileNotFoundError|OSError"
    found = re.search(rf"(?:{kinds}): (.*?)\nTraceback", str(error), re.DOTALL)
    return found and found[1]
