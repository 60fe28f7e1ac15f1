"""Python functions called by TensorFlow's threads, ended in good order."""

import atexit
import threading
import time

_lock = threading.Lock()
_running = 0
_closing = False


def in_background(function):
    """Wraps a function that threads of a `tf.data` pipeline call.

    Such a thread must not ask for the interpreter while that shuts down, or the process aborts.
    So at exit the calls under way are waited for, and later ones fail at once.
    """

    def call(*args):
        global _running
        with _lock:
            if _closing:
                raise RuntimeError("The process is ending.")
            _running += 1
        try:
            return function(*args)
        finally:
            with _lock:
                _running -= 1

    return call


@atexit.register
def _close():
    global _closing
    with _lock:
        _closing = True
    while _running:
        time.sleep(0.01)
    time.sleep(0.1)  # The pipeline's buffers fill up with failures, then its threads rest.
