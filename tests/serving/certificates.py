"""Certificates made by an authority of the tests' own."""

import datetime
import pathlib
from typing import NamedTuple

import trustme


class Pair(NamedTuple):
    """PEM files of a certificate and its key."""

    certificate: pathlib.Path
    key: pathlib.Path


class Authority:
    """An authority whose certificate is the file `ca`.

    Args:
        folder: where files are written.
    """

    def __init__(self, folder):
        self._folder = folder
        self._authority = trustme.CA()
        self.ca = folder / "ca.pem"
        self._authority.cert_pem.write_to_path(str(self.ca))

    def issue(self, name, host="localhost", expired=False):
        """Makes a `Pair` for a host."""
        year = datetime.timedelta(days=365)
        end = datetime.datetime.now(datetime.UTC) + (-year if expired else year)
        issued = self._authority.issue_cert(host, not_before=end - 2 * year, not_after=end)
        pair = Pair(self._folder / f"{name}.pem", self._folder / f"{name}.key")
        pair.certificate.write_bytes(b"".join(blob.bytes() for blob in issued.cert_chain_pems))
        issued.private_key_pem.write_to_path(str(pair.key))
        return pair
