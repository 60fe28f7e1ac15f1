"""Certificates of a client, checked before they are used."""

import ssl
from typing import NamedTuple


class Certificates(NamedTuple):
    """PEM files: all are optional.

    Attributes:
        ca_file: certificates that the server's is checked by; by default those of the system.
        cert_file: the client's certificate, with `key_file`, where the server asks for one.
        key_file: its key, not encrypted.
    """

    ca_file: str | None = None
    cert_file: str | None = None
    key_file: str | None = None

    def context(self):
        """Makes an `ssl.SSLContext`, which checks certificate and name of the server.

        Raises:
            ValueError: a certificate without a key, or a file that holds none; names the file.
            OSError: a file can't be read.
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
        return [path and _read(path) for path in self]


def _read(path):
    with open(path, "rb") as file:
        return file.read()
