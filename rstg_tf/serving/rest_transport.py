"""Requests to TensorFlow Serving by REST (its API v1)."""

import base64
import http.client
import json
import urllib.error
import urllib.request

import numpy as np
import tensorflow as tf

from rstg_tf.serving.errors import RequestRefused, ServerTimeout, ServerUnavailable

_CODES = {400: "INVALID_ARGUMENT", 404: "NOT_FOUND", 412: "FAILED_PRECONDITION"}
_UNAVAILABLE = 503


class RestTransport:
    """As `GrpcTransport`, for an address such as `http://HOST:PORT`."""

    def __init__(self, address, model, version, label, timeout):
        self._address = address.rstrip("/")
        self._timeout = timeout
        self._path = f"/v1/models/{model}"
        if version is not None:
            self._path += f"/versions/{version}"
        elif label is not None:
            self._path += f"/labels/{label}"

    def predict(self, signature, inputs):
        """Asks a signature: dict of arrays to dict of arrays."""
        request = {
            "signature_name": signature,
            "inputs": {name: _to_json(value) for name, value in inputs.items()},
        }
        outputs = self._call(f"{self._path}:predict", json.dumps(request).encode())["outputs"]
        return {name: _from_json(value) for name, value in outputs.items()}

    def inputs(self):
        """The inputs of every signature: dict from name to dict from input to `tf.TensorSpec`."""
        metadata = self._call(f"{self._path}/metadata")["metadata"]
        return {
            key: {name: _spec(info) for name, info in signature.get("inputs", {}).items()}
            for key, signature in metadata["signature_def"]["signature_def"].items()
        }

    def states(self):
        """Dict from version to its state on the server, such as `"AVAILABLE"`."""
        found = self._call(self._path)["model_version_status"]
        return {int(version["version"]): version["state"] for version in found}

    def close(self):
        """There is no connection between requests."""

    def _call(self, path, body=None):
        request = urllib.request.Request(
            self._address + path, body, {"Content-Type": "application/json"}
        )
        try:
            with urllib.request.urlopen(request, timeout=self._timeout) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            message = _message(error.read())
            if error.code == _UNAVAILABLE:
                raise ServerUnavailable(
                    f"The server is not ready. Received: {self._address} ({message})"
                ) from error
            raise RequestRefused(_CODES.get(error.code, f"HTTP {error.code}"), message) from error
        except (OSError, http.client.HTTPException) as error:
            reason = getattr(error, "reason", error)
            if isinstance(reason, TimeoutError):
                raise ServerTimeout(
                    f"The server did not answer in {self._timeout} s. Received: {self._address}"
                ) from error
            raise ServerUnavailable(
                f"No server answers. Received: {self._address} ({reason})"
            ) from error


def _to_json(value):
    """Strings become base64, which JSON needs of bytes."""
    value = np.asarray(value)
    if value.dtype != object:
        return value.tolist()
    coded = [{"b64": base64.b64encode(item).decode()} for item in value.flat]
    return np.array(coded, object).reshape(value.shape).tolist()


def _from_json(value):
    array = np.asarray(value)
    if array.dtype.kind == "U":
        coded = [text.encode() for text in array.flat]
        return np.array(coded, object).reshape(array.shape)
    return array.astype(np.float32) if array.dtype.kind == "f" else array


def _spec(info):
    dimensions = info["tensor_shape"].get("dim", [])
    shape = [None if int(one["size"]) < 0 else int(one["size"]) for one in dimensions]
    return tf.TensorSpec(shape, tf.as_dtype(info["dtype"].removeprefix("DT_").lower()))


def _message(body):
    try:
        return json.loads(body)["error"]
    except (ValueError, KeyError, TypeError):
        return body[:200].decode(errors="replace")
