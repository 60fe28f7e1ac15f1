"""What one call of a client may cost: bytes of a request, bytes of an answer, seconds."""

import time

REQUEST_BYTES = 2**28
ANSWER_BYTES = 2**25  # The states of 64 streams are a few MB; as JSON, some tens.


def check_request(num_bytes):
    """Raises a ValueError where a request is too large to be sent."""
    if num_bytes > REQUEST_BYTES:
        raise ValueError(
            f"A request must have at most {REQUEST_BYTES} bytes. Received: {num_bytes} bytes"
        )


class Deadline:
    """When an answer must be there, repeats included.

    Args:
        seconds: what the caller allows, for errors.
        left: seconds that are left of it; all by default.
    """

    def __init__(self, seconds, left=None):
        self.seconds = seconds
        self._end = time.monotonic() + (seconds if left is None else left)

    def left(self):
        """Seconds that are left, 0 or more."""
        return max(0.0, self._end - time.monotonic())
