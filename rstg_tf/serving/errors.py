"""What a request to a server can end in; each message names the server."""

import contextlib

from rstg_tf.text import printable

_SHOWN = 600  # Characters of a stranger's text.


class RequestRefused(ValueError):
    """The server answered that the request is wrong.

    Attributes:
        code: name of the status, such as `"INVALID_ARGUMENT"` or `"NOT_FOUND"`.
    """

    def __init__(self, code, message, address):
        self.code = code
        super().__init__(
            f"The server refused the request: {code}: {in_one_line(message)} (from {address})"
        )


class WrongAnswer(ValueError):
    """What came is no answer of TensorFlow Serving, or one that can't be true."""

    def __init__(self, received, address):
        super().__init__(
            "The server must answer as TensorFlow Serving does. "
            f"Received: {in_one_line(received)} (from {address})"
        )


class ServerUnavailable(ConnectionError):
    """No server answers there, or it is not ready."""


class NotTrusted(ConnectionError):
    """Server and client do not accept each other's certificates."""

    def __init__(self, reason, address):
        super().__init__(
            f"TLS must be agreed on by server and client. Received: {address} "
            f"({in_one_line(reason)})"
        )


class ServerTimeout(TimeoutError):
    """The server did not answer in time."""

    def __init__(self, seconds, address):
        super().__init__(f"The server did not answer in {seconds:g} s. Received: {address}")


@contextlib.contextmanager
def wrong_answer(what, address, kinds=ValueError):
    """Turns errors of these kinds into a `WrongAnswer` that begins with `what`."""
    try:
        yield
    except kinds as error:
        raise WrongAnswer(f"{what} ({error})", address) from error


def in_one_line(text):
    """Text of a server as one line, cut off where it is long."""
    text = " ".join(str(text)[: 10 * _SHOWN].split())
    return printable(text if len(text) <= _SHOWN else f"{text[:_SHOWN]}...")
