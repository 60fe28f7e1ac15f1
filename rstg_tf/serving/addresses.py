"""Addresses of servers."""

import re
import urllib.parse

_HTTP = ("http", "https")
_GRPC = ("dns", "ipv4", "ipv6", "unix")  # Names of gRPC for how a host is looked up.
_HOST_AND_PORT = r"(?:\[[0-9A-Fa-f:.]+(?:%\w+)?\]|[^\s:/@\[\]]+):(\d{1,5})"


def is_http(address):
    """Checks an address, and says whether it is one of REST.

    Args:
        address: `HOST:PORT` or what else gRPC takes, such as `dns:///HOST:PORT`; or
            `http://HOST:PORT`, `https://HOST:PORT`.

    Raises:
        ValueError: it is none of these, or holds a password.
    """
    scheme = address.partition(":")[0].lower() if re.match(r"\w+:(//|[^\d])", address) else None
    if "@" in address or re.search(r"[\s\x00-\x1f\x7f]", address):
        _refuse(address)
    if scheme in _HTTP:
        try:
            parts = urllib.parse.urlsplit(address)
            host = (parts.hostname or "").encode("idna")
            port = parts.port
        except ValueError:
            _refuse(address)
        if not host or port == 0 or parts.query or parts.fragment:
            _refuse(address)
        return True
    if scheme in _GRPC:
        return False
    found = re.fullmatch(_HOST_AND_PORT, address)
    if not found or not 0 < int(found[1]) < 2**16:
        _refuse(address)
    return False


def _refuse(address):
    shown = re.sub(r"//[^/@]*@", "//...@", address)  # No password is shown.
    raise ValueError(
        "The address of a server must be HOST:PORT for gRPC, http://HOST:PORT or "
        f"https://HOST:PORT for REST, without a user. Received: {shown!r}"
    ) from None
