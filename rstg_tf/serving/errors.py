"""What a request to a server can end in."""


class RequestRefused(ValueError):
    """The server answered that the request is wrong.

    Attributes:
        code: name of the status, such as `"INVALID_ARGUMENT"` or `"NOT_FOUND"`.
    """

    def __init__(self, code, message):
        self.code = code
        super().__init__(f"The server refused the request: {code}: {message}")


class ServerUnavailable(ConnectionError):
    """No server answers there, or it is not ready."""


class ServerTimeout(TimeoutError):
    """The server did not answer in time."""
