"""How a server is reached: its address, TLS, and what one call may cost."""

import pathlib
import re
import ssl
import time
import urllib.parse
from typing import NamedTuple

REQUEST_BYTES = 2**28
ANSWER_BYTES = 2**25  # The states of 64 streams are a few MB; as JSON, some tens.
_HTTP = ("http", "https")
_GRPC = ("dns", "ipv4", "ipv6", "unix")  # Names of gRPC for how a host is looked up.
_HOST_AND_PORT = r"(?:\[[0-9A-Fa-f:.]+(?:%\w+)?\]|[^\s:/@\[\]]+):(\d{1,5})"


def is_http(address: str) -> bool:
    """Checks an address, and says whether it is one of REST.

    It must be `HOST:PORT` or what else gRPC takes, such as `dns:///HOST:PORT`, or
    `http://HOST:PORT`, `https://HOST:PORT`. Raises a ValueError where it is none of these, or holds
    a password.
    """
    scheme = address.partition(":")[0].lower() if re.match(r"\w+:(//|[^\d])", address) else None
    if scheme in _HTTP:
        try:
            parts = urllib.parse.urlsplit(address)
            host = (parts.hostname or "").encode("idna")
            good = bool(host) and parts.port != 0 and not (parts.query or parts.fragment)
        except ValueError:
            good = False
    elif scheme in _GRPC:
        good = True
    else:
        found = re.fullmatch(_HOST_AND_PORT, address)
        good = found is not None and 0 < int(found[1]) < 2**16
    if not good or re.search(r"[@\s\x00-\x1f\x7f]", address):
        shown = re.sub(r"//[^/@]*@", "//...@", address)  # No password is shown.
        raise ValueError(
            "The address of a server must be HOST:PORT for gRPC, http://HOST:PORT or "
            f"https://HOST:PORT for REST, without a user. Received: {shown!r}"
        )
    return scheme in _HTTP


class Certificates(NamedTuple):
    """PEM files, all optional; see `Client`. The client's key must not be encrypted."""

    ca_file: str | None = None
    cert_file: str | None = None
    key_file: str | None = None

    def context(self):
        """Makes an `ssl.SSLContext`, which checks certificate and name of the server.

        Raises a ValueError for a certificate without a key or a file that holds none.
        """
        if (self.cert_file is None) != (self.key_file is None):
            raise ValueError(
                "A client's certificate needs its key, and the other way round. "
                f"Received: cert_file={self.cert_file}, key_file={self.key_file}"
            )
        self.contents()
        try:
            context = ssl.create_default_context(cafile=self.ca_file)
        except ssl.SSLError as error:
            raise ValueError(
                f"The file must hold certificates (PEM). Received: {self.ca_file} ({error.reason})"
            ) from error
        if self.cert_file is not None:
            try:  # Without a password OpenSSL would ask for one at the terminal.
                context.load_cert_chain(self.cert_file, self.key_file, password="")
            except ssl.SSLError as error:
                raise ValueError(
                    "The files must hold a certificate and its key, not encrypted (PEM). "
                    f"Received: {self.cert_file}, {self.key_file} ({error.reason})"
                ) from error
        return context

    def contents(self):
        """The bytes of the files, None where there is none."""
        return [path and pathlib.Path(path).read_bytes() for path in self]


def check_request(num_bytes):
    """Raises a ValueError where a request is too large to be sent."""
    if num_bytes > REQUEST_BYTES:
        raise ValueError(
            f"A request must have at most {REQUEST_BYTES} bytes. Received: {num_bytes} bytes"
        )


class Deadline:
    """When an answer must be there, repeats included: `left` of the `seconds` that are allowed."""

    def __init__(self, seconds, left=None):
        self.seconds = seconds
        self._end = time.monotonic() + (seconds if left is None else left)

    def left(self):
        """Seconds that are left, 0 or more."""
        return max(0.0, self._end - time.monotonic())
