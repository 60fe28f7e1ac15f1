"""The end of a command that is told to end: at once, since all that counts is on the disk."""

import contextlib
import os
import select
import signal
import threading

_GRACE = 5  # Seconds; a step, or TensorFlow waiting for another worker, may take hours.


@contextlib.contextmanager
def interruptible(last_words):
    """Ends the process on Ctrl-C (exit code 130) and SIGTERM (143) with the line `last_words`.

    Python hears signals only between two calls of TensorFlow: where that takes too long, or at a
    second signal, another thread ends the process. What libraries print on their way out is not
    shown.
    """
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    read_end, write_end = os.pipe()
    os.set_blocking(write_end, False)
    errors = os.dup(2)
    thread = threading.Thread(target=_watch, args=(read_end, errors, last_words), daemon=True)
    thread.start()
    received = []

    def interrupt(number, _):
        if not received:
            os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
        received.append(number)
        raise KeyboardInterrupt

    for number in before:
        signal.signal(number, interrupt)
    wakeup = signal.set_wakeup_fd(write_end, warn_on_full_buffer=False)
    try:
        yield
    except BaseException as error:  # TensorFlow may have made another one of ours.
        if received or isinstance(error, KeyboardInterrupt):
            _end(received[0] if received else signal.SIGINT, errors, last_words)
        raise
    finally:
        signal.set_wakeup_fd(wakeup)
        os.close(write_end)  # So the thread ends.
        for number, handler in before.items():
            signal.signal(number, handler)


def _watch(read_end, errors, last_words):
    if number := os.read(read_end, 1):
        select.select([read_end], [], [], _GRACE)
        _end(number[0], errors, last_words)
    os.close(read_end)
    os.close(errors)


def _end(number, errors, last_words):
    with contextlib.suppress(OSError):  # Nobody may be reading any more.
        os.write(errors, f"\n{last_words}\n".encode(errors="backslashreplace"))
    os._exit(128 + number)
