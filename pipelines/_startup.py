"""Imported first by every command: quiet start, errors in one line."""

import contextlib
import os
import pathlib
import sys
import warnings

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
warnings.filterwarnings("ignore", message=r"\s*TensorFlow Addons")
warnings.filterwarnings("ignore", category=DeprecationWarning)
# A command also runs from a clone that was not installed.
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))


@contextlib.contextmanager
def one_line_errors():
    """Ends the command on bad input with one line and exit code 2, without a traceback.

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
    except (ValueError, TypeError, OSError, ArithmeticError) as error:
        print("error:", " ".join(str(error).split()), file=sys.stderr)
        sys.exit(2)
