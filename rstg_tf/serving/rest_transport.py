"""Requests to TensorFlow Serving by REST (its API v1)."""

import base64
import contextlib
import http.client
import json
import socket
import ssl
import threading
import urllib.parse

import numpy as np

from rstg_tf import checked_json
from rstg_tf.checked_json import Optional
from rstg_tf.serving import errors
from rstg_tf.serving.answers import spec_of
from rstg_tf.serving.connection import ANSWER_BYTES, check_request
from rstg_tf.serving.errors import in_one_line

_CODES = {400: "INVALID_ARGUMENT", 404: "NOT_FOUND", 412: "FAILED_PRECONDITION"}
_OK, _UNAVAILABLE = 200, 503
_PIECE = 2**16
_MAX_RANK = 8
_JSON = "application/json"

_TENSOR = {
    Optional("dtype"): str,
    Optional("tensor_shape"): {
        Optional("dim"): [{"size": (str, int)}],
        Optional("unknown_rank"): bool,
    },
}
_SIGNATURE = {Optional("inputs"): {str: _TENSOR}, Optional("outputs"): {str: _TENSOR}}
_METADATA = {"metadata": {"signature_def": {"signature_def": {str: _SIGNATURE}}}}
_STATES = {"model_version_status": [{"version": (str, int), "state": str}]}


class RestTransport:
    """As `GrpcTransport`, for an address such as `http://HOST:PORT`.

    Nothing is followed to another place: neither redirects nor the system's proxies.
    """

    def __init__(self, address, model, version, label, certificates=None):
        self.address = address.rstrip("/")
        parts = urllib.parse.urlsplit(self.address)  # `is_http` has checked it.
        if parts.scheme == "https":
            context = certificates.context()
            self._connection = lambda: http.client.HTTPSConnection(
                parts.hostname, parts.port, context=context
            )
        else:
            self._connection = lambda: http.client.HTTPConnection(parts.hostname, parts.port)
        self._path = f"{parts.path}/v1/models/{urllib.parse.quote(model, safe='')}"
        if version is not None:
            self._path += f"/versions/{version}"
        elif label is not None:
            self._path += f"/labels/{urllib.parse.quote(label, safe='')}"

    def predict(self, signature, inputs, outputs, deadline):
        """Asks a signature: dict of arrays to dict of arrays.

        `outputs` is a dict from name to `tf.TensorSpec`, or None.
        """
        check_request(sum(map(_num_bytes, inputs.values())))
        request = {
            "signature_name": signature,
            "inputs": {name: _to_json(value) for name, value in inputs.items()},
        }
        body = json.dumps(request).encode()
        check_request(len(body))
        found = self._call(f"{self._path}:predict", {"outputs": object}, deadline, body)["outputs"]
        if outputs is not None and len(outputs) == 1:  # The server leaves its name away.
            found = dict.fromkeys(outputs, found)
        if not isinstance(found, dict):
            raise errors.WrongAnswer(f"outputs that are {type(found).__name__}", self.address)
        kinds = (ValueError, TypeError, OverflowError, RecursionError)
        with errors.wrong_answer("outputs that are not arrays", self.address, kinds):
            return {
                name: _from_json(value, (outputs or {}).get(name)) for name, value in found.items()
            }

    def signatures(self, deadline):
        """Every signature: dict from name to `(inputs, outputs)`.

        Both are dicts from name to `tf.TensorSpec`; outputs are None where the server says none.
        """
        metadata = self._call(f"{self._path}/metadata", _METADATA, deadline)["metadata"]
        with errors.wrong_answer("invalid signatures", self.address):
            return {
                key: (
                    _specs(signature.get("inputs", {})),
                    _specs(signature.get("outputs", {})) or None,
                )
                for key, signature in metadata["signature_def"]["signature_def"].items()
                if not key.startswith("__")  # TensorFlow's own.
            }

    def states(self, deadline):
        """List of version and its state on the server, such as `("1", "AVAILABLE")`."""
        found = self._call(self._path, _STATES, deadline)["model_version_status"]
        return [(str(one["version"]), one["state"]) for one in found]

    def close(self):
        """There is no connection between requests."""

    def _call(self, path, form, deadline, body=None):
        status, headers, content = self._exchanged(path, body, deadline)
        kind = headers.get_content_type() if "Content-Type" in headers else _JSON
        if status == _UNAVAILABLE:
            raise errors.ServerUnavailable(
                f"The server is not ready. Received: {self.address} ({_message(content)})"
            )
        if 300 <= status < 400:
            raise errors.WrongAnswer(
                f"HTTP {status} to {headers.get('Location')}, which is not followed", self.address
            )
        if status >= 400:
            raise errors.RequestRefused(
                _CODES.get(status, f"HTTP {status}"), _message(content), self.address
            )
        if status != _OK:
            raise errors.WrongAnswer(f"HTTP {status}", self.address)
        coding = headers.get("Content-Encoding", "identity")
        if kind != _JSON or coding != "identity":  # No other coding was accepted.
            raise errors.WrongAnswer(f"{kind}, {coding}: {_shown(content)}", self.address)
        try:
            return checked_json.parse(content, form, "The answer", self.address)
        except ValueError as error:
            reason = error.__cause__ or error
            raise errors.WrongAnswer(f"{_shown(content)!r} ({reason})", self.address) from error

    def _exchanged(self, path, body, deadline):
        """Sends a request; returns status, headers and body of the answer, all before a deadline.

        Looking up the host, connecting, TLS and reading each wait for the server in a way of its
        own, so they do it in a thread, whose connection is shut where it takes too long.
        """
        connection, late, outcome = self._connection(), threading.Event(), {}

        def work():
            try:
                connection.timeout = deadline.left()
                connection.connect()
                if not late.is_set():  # It may be by now, after a long look-up.
                    outcome["answer"] = self._exchange(connection, path, body)
            except Exception as error:  # Raised below, by the thread that waits.
                outcome["error"] = error

        worker = threading.Thread(target=work, daemon=True)
        worker.start()
        try:
            worker.join(deadline.left())
        finally:
            late.set()
            if connection.sock is not None:  # A thread that waits for it wakes.
                with contextlib.suppress(OSError):
                    connection.sock.shutdown(socket.SHUT_RDWR)
            connection.close()
        if "answer" in outcome:
            return outcome["answer"]
        error = outcome.get("error")
        if error is None or isinstance(error, TimeoutError) or not deadline.left():
            raise errors.ServerTimeout(deadline.seconds, self.address) from error
        raise self._told(error) from error

    def _exchange(self, connection, path, body):
        method = "GET" if body is None else "POST"
        connection.request(method, path, body, {"Content-Type": _JSON})
        answer = connection.getresponse()
        content = bytearray()
        while piece := answer.read(_PIECE):
            content += piece
            if len(content) > ANSWER_BYTES:
                raise errors.WrongAnswer(f"more than {ANSWER_BYTES} bytes", self.address)
        if answer.length:
            raise http.client.IncompleteRead(bytes(content), answer.length)
        return answer.status, answer.headers, bytes(content)

    def _told(self, error):
        if isinstance(error, errors.WrongAnswer):
            return error
        if isinstance(error, ssl.SSLError):
            return errors.NotTrusted(error, self.address)
        if isinstance(error, (OSError, http.client.IncompleteRead)):
            return errors.ServerUnavailable(
                f"No server answers. Received: {self.address} ({in_one_line(error)})"
            )
        return errors.WrongAnswer(f"no HTTP ({type(error).__name__}: {error})", self.address)


def _num_bytes(value):
    return value.nbytes if value.dtype != object else sum(map(len, value.flat))


def _to_json(value):
    """Strings become base64, which JSON needs of bytes."""
    if value.dtype != object:
        return value.tolist()
    coded = np.empty(value.shape, object)
    for place, item in enumerate(value.flat):
        coded.flat[place] = {"b64": base64.b64encode(item).decode()}
    return coded.tolist()


def _from_json(value, spec):
    """Nested lists to an array of the type of `spec`, or of what they hold."""
    shape, items = [], [value]
    while items and all(isinstance(item, list) for item in items):
        lengths = {len(item) for item in items}
        if len(lengths) > 1 or len(shape) == _MAX_RANK:
            raise ValueError("lists of unequal lengths, or nested too deep")
        shape.append(*lengths)
        items = [item for some in items for item in some]
    kinds = set(map(type, items))
    if kinds and kinds <= {str, dict}:
        array = np.empty(len(items), object)
        array[:] = [_to_bytes(item) for item in items]
    elif kinds <= {int, float}:
        kind = spec.dtype.as_numpy_dtype if spec else np.float32 if float in kinds else np.int64
        if float in kinds and not np.issubdtype(kind, np.floating):
            raise ValueError(f"fractions where {np.dtype(kind).name} is expected")
        with np.errstate(over="ignore"):  # Infinity is told later.
            array = np.array(items, kind)
    else:
        raise ValueError(f"{sorted(kind.__name__ for kind in kinds)} in one array")
    return array.reshape(shape)


def _to_bytes(item):
    if isinstance(item, str):
        return item.encode()
    if list(item) != ["b64"] or not isinstance(item["b64"], str):
        raise ValueError(f"an object with {sorted(item)[:5]}")
    return base64.b64decode(item["b64"], validate=True)


def _specs(tensors):
    specs = {}
    for name, info in tensors.items():
        shape = info.get("tensor_shape", {})
        sizes = [int(one["size"]) for one in shape.get("dim", [])]
        sizes = None if shape.get("unknown_rank") else [None if n < 0 else n for n in sizes]
        specs[name] = spec_of(sizes, info.get("dtype", "").removeprefix("DT_").lower())
    return specs


def _message(content):
    """What a server says is wrong."""
    try:
        return checked_json.parse(content, {"error": str}, "The answer", "")["error"]
    except ValueError:
        return _shown(content) or "without a word"


def _shown(content):
    return in_one_line(content[:200].decode(errors="replace"))
