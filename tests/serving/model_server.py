"""A server that speaks TensorFlow Serving's PredictionService, ModelService and REST API v1.

It stands in for TensorFlow Serving's own binary, over real sockets: messages are
tensorflow-serving-api's, models are loaded and run by TensorFlow's C API, and errors of requests
are those of its `PreProcessPrediction`.
"""

import base64
import concurrent.futures
import http.server
import json
import pathlib
import ssl
import threading
import time

import grpc
import numpy as np
import tensorflow as tf
from c_session import CSession, TensorFlowError, library, tensors_of
from google.protobuf import json_format
from tensorflow.core.protobuf import saved_model_pb2
from tensorflow_serving.apis import (
    get_model_metadata_pb2,
    get_model_status_pb2,
    model_service_pb2_grpc,
    predict_pb2,
    prediction_service_pb2_grpc,
)

_HTTP = {"INVALID_ARGUMENT": 400, "NOT_FOUND": 404, "FAILED_PRECONDITION": 412, "UNAVAILABLE": 503}
_AVAILABLE = get_model_status_pb2.ModelVersionStatus.AVAILABLE


class ModelServer:
    """Serves all versions of a model; a context manager.

    Args:
        folder: folder of the model; its name is the model's.
        labels: dict from label to version.
        tls: a `certificates.Pair` of the server, for TLS.
        client_ca: file of the authority that clients must have their certificates of.

    Attributes:
        grpc_address: `HOST:PORT`.
        rest_address: `http://HOST:PORT`, or `https://`.
        unavailable: so many of the next requests are answered by UNAVAILABLE.
        delay: seconds before each answer.
        requests: number of requests so far.
    """

    def __init__(self, folder, labels=None, tls=None, client_ca=None):
        folder = pathlib.Path(folder)
        self.name = folder.name
        self.labels = labels or {}
        self.unavailable = self.delay = self.requests = 0
        self._versions = {
            int(path.name): _Version(path) for path in folder.iterdir() if path.name.isdigit()
        }
        self._grpc = grpc.server(
            concurrent.futures.ThreadPoolExecutor(8),
            options=[("grpc.max_receive_message_length", 2**28)],
        )
        prediction_service_pb2_grpc.add_PredictionServiceServicer_to_server(
            _PredictionService(self), self._grpc
        )
        model_service_pb2_grpc.add_ModelServiceServicer_to_server(_ModelService(self), self._grpc)
        handler = type("Handler", (_RestHandler,), {"model_server": self})
        self._rest = _RestServer(("localhost", 0), handler)
        if tls is None:
            self.grpc_address = f"localhost:{self._grpc.add_insecure_port('localhost:0')}"
        else:
            credentials = grpc.ssl_server_credentials(
                [(tls.key.read_bytes(), tls.certificate.read_bytes())],
                client_ca and client_ca.read_bytes(),
                client_ca is not None,
            )
            port = self._grpc.add_secure_port("localhost:0", credentials)
            self.grpc_address = f"localhost:{port}"
            context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=client_ca)
            context.load_cert_chain(*tls)
            context.verify_mode = ssl.CERT_REQUIRED if client_ca else ssl.CERT_NONE
            self._rest.socket = context.wrap_socket(
                self._rest.socket, server_side=True, do_handshake_on_connect=False
            )
        scheme = "http" if tls is None else "https"
        self.rest_address = f"{scheme}://localhost:{self._rest.server_port}"

    def __enter__(self):
        self._grpc.start()
        threading.Thread(target=self._rest.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *error):
        self._grpc.stop(None)
        self._rest.shutdown()
        self._rest.server_close()

    def begin(self):
        """What is done first for every request."""
        self.requests += 1
        time.sleep(self.delay)
        if self.unavailable:
            self.unavailable -= 1
            raise TensorFlowError("UNAVAILABLE", "not ready yet")

    def find(self, name, version=None, label=None):
        """Number and model of the version that is asked for."""
        if label:
            if label not in self.labels:
                raise TensorFlowError(
                    "INVALID_ARGUMENT", f"Unrecognized servable version label: {label}"
                )
            version = self.labels[label]
        if name != self.name or (version or max(self._versions)) not in self._versions:
            asked = f"Specific({name}, {version})" if version else name
            raise TensorFlowError("NOT_FOUND", f"Servable not found for request: {asked}")
        version = version or max(self._versions)
        return version, self._versions[version]

    def states(self, name):
        """Numbers of all versions."""
        self.find(name)
        return sorted(self._versions)


class _Version:
    def __init__(self, path):
        self.session = CSession(path, tensors_of(path), library())
        model = saved_model_pb2.SavedModel()
        model.ParseFromString((path / "saved_model.pb").read_bytes())
        self.signatures = model.meta_graphs[0].signature_def

    def predict(self, signature, inputs):
        """Checks what TensorFlow Serving checks, and runs."""
        signature = signature or "serving_default"
        if signature not in self.session.signatures:
            raise TensorFlowError(
                "FAILED_PRECONDITION", f'Serving signature key "{signature}" not found.'
            )
        expected = set(self.signatures[signature].inputs)
        if set(inputs) != expected:
            raise TensorFlowError(
                "INVALID_ARGUMENT",
                "input size does not match signature. "
                f"Sent extra: {sorted(set(inputs) - expected)}. "
                f"Missing but required: {sorted(expected - set(inputs))}.",
            )
        return self.session.run(signature, inputs)


class _PredictionService(prediction_service_pb2_grpc.PredictionServiceServicer):
    def __init__(self, server):
        self._server = server

    def Predict(self, request, context):
        def answer():
            version, model = self._server.find(*_asked(request.model_spec))
            inputs = {name: _array(name, value) for name, value in request.inputs.items()}
            outputs = model.predict(request.model_spec.signature_name, inputs)
            made = predict_pb2.PredictResponse()
            made.model_spec.CopyFrom(request.model_spec)
            made.model_spec.version.value = version
            for name, value in outputs.items():
                made.outputs[name].CopyFrom(tf.make_tensor_proto(value))
            return made

        return _answered(self._server, context, answer)

    def GetModelMetadata(self, request, context):
        def answer():
            _, model = self._server.find(*_asked(request.model_spec))
            found = get_model_metadata_pb2.SignatureDefMap()
            for name, signature in model.signatures.items():
                found.signature_def[name].CopyFrom(signature)
            made = get_model_metadata_pb2.GetModelMetadataResponse(model_spec=request.model_spec)
            made.metadata["signature_def"].Pack(found)
            return made

        return _answered(self._server, context, answer)


class _ModelService(model_service_pb2_grpc.ModelServiceServicer):
    def __init__(self, server):
        self._server = server

    def GetModelStatus(self, request, context):
        def answer():
            states = self._server.states(request.model_spec.name)
            return get_model_status_pb2.GetModelStatusResponse(
                model_version_status=[
                    {"version": version, "state": _AVAILABLE} for version in states
                ]
            )

        return _answered(self._server, context, answer)


class _RestServer(http.server.ThreadingHTTPServer):
    def handle_error(self, request, client_address):
        """Keeps quiet: a client that ended the connection."""


class _RestHandler(http.server.BaseHTTPRequestHandler):
    model_server = None

    def do_GET(self):
        def answer():
            name, version, label, verb = self._parts("/")
            if verb == "metadata":
                _, model = self.model_server.find(name, version, label)
                signatures = get_model_metadata_pb2.SignatureDefMap()
                for key, signature in model.signatures.items():
                    signatures.signature_def[key].CopyFrom(signature)
                found = json_format.MessageToDict(signatures, preserving_proto_field_name=True)
                return {"model_spec": {"name": name}, "metadata": {"signature_def": found}}
            states = self.model_server.states(name)
            return {
                "model_version_status": [
                    {"version": str(number), "state": "AVAILABLE"} for number in states
                ]
            }

        self._answer(answer)

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))

        def answer():
            name, version, label, verb = self._parts(":")
            _, model = self.model_server.find(name, version, label)
            try:
                request = json.loads(body)
            except ValueError as error:
                raise TensorFlowError("INVALID_ARGUMENT", f"JSON Parse error: {error}") from error
            if verb != "predict" or "inputs" not in request:
                raise TensorFlowError("INVALID_ARGUMENT", "Missing 'inputs' or 'instances' key")
            key = request.get("signature_name", "serving_default")
            kinds = model.signatures[key].inputs if key in model.signatures else {}
            inputs = {
                name: _from_json(name, value, kinds[name].dtype if name in kinds else None)
                for name, value in request["inputs"].items()
            }
            outputs = model.predict(key, inputs)
            outputs = {name: _to_json(value) for name, value in outputs.items()}
            return {"outputs": outputs if len(outputs) > 1 else next(iter(outputs.values()))}

        self._answer(answer)

    def log_message(self, *arguments):
        """Keeps quiet."""

    def _parts(self, mark):
        """`(name, version, label, verb)` of `/v1/models/NAME[/versions/N|/labels/L]MARKverb`."""
        path, _, verb = self.path.removeprefix("/v1/models/").partition(":")
        name, *rest = path.split("/")
        if mark == "/" and rest and rest[-1] == "metadata":
            verb = rest.pop()
        version = int(rest[1]) if rest[:1] == ["versions"] else None
        return name, version, rest[1] if rest[:1] == ["labels"] else None, verb

    def _answer(self, answer):
        try:
            self.model_server.begin()
            status, body = 200, answer()
        except TensorFlowError as error:
            status, body = _HTTP.get(error.code, 500), {"error": str(error)}
        body = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def _answered(server, context, answer):
    try:
        server.begin()
        return answer()
    except TensorFlowError as error:
        context.abort(getattr(grpc.StatusCode, error.code), str(error))


def _asked(spec):
    version = spec.version.value if spec.HasField("version") else None
    return spec.name, version, spec.version_label


def _array(name, proto):
    try:
        return tf.make_ndarray(proto)
    except (TypeError, ValueError) as error:
        raise TensorFlowError("INVALID_ARGUMENT", f"tensor parsing error: {name}") from error


def _from_json(name, value, number):
    kind = tf.as_dtype(number).as_numpy_dtype if number else object

    def decoded(item):
        if isinstance(item, list):
            return [decoded(one) for one in item]
        if isinstance(item, dict):
            return base64.b64decode(item["b64"])
        if isinstance(item, str) != (kind is object):
            raise ValueError(f"{item!r} is not of type {np.dtype(kind).name}")
        return item.encode() if isinstance(item, str) else item

    try:
        return np.array(decoded(value), kind)
    except (ValueError, TypeError, KeyError, OverflowError) as error:
        raise TensorFlowError(
            "INVALID_ARGUMENT", f"JSON Value of {name} is not of the expected type: {error}"
        ) from error


def _to_json(array):
    if array.dtype != object:
        return array.tolist()
    return np.array([text.decode() for text in array.flat], object).reshape(array.shape).tolist()
