"""Servers that are none of TensorFlow Serving: every answer ends in one error, in time."""

import contextlib
import gzip
import json
import re
import socket
import threading
import time
from concurrent import futures

import grpc
import numpy as np
import pytest
import tensorflow as tf
from tensorflow_serving.apis import (
    get_model_metadata_pb2,
    get_model_status_pb2,
    model_service_pb2_grpc,
    predict_pb2,
    prediction_service_pb2_grpc,
)

from rstg_tf.serving import Client
from rstg_tf.serving.errors import RequestRefused, ServerTimeout, ServerUnavailable, WrongAnswer

GOOD = {
    "classes": [["push", "pull"]],
    "scores": [[0.75, 0.25]],
    "probabilities": [[0.25, 0.75]],
    "logits": [[-1.0, 1.0]],
}
KINDS = {"classes": "STRING", "scores": "FLOAT", "probabilities": "FLOAT", "logits": "FLOAT"}


def tensor(kind, *sizes):
    return {"dtype": f"DT_{kind}", "tensor_shape": {"dim": [{"size": str(n)} for n in sizes]}}


METADATA = {
    "metadata": {
        "signature_def": {
            "signature_def": {
                "predict_frames": {
                    "inputs": {"frames": tensor("STRING", -1, -1)},
                    "outputs": {name: tensor(kind, -1, 2) for name, kind in KINDS.items()},
                }
            }
        }
    }
}
BARE = json.loads(json.dumps(METADATA))
del BARE["metadata"]["signature_def"]["signature_def"]["predict_frames"]["outputs"]


def http(body=b"", status="200 OK", headers=(), length=None):
    if not isinstance(body, bytes):
        body = json.dumps(body).encode()
    lines = [f"HTTP/1.1 {status}", *headers]
    lines.append(f"Content-Length: {len(body) if length is None else length}")
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def outputs(**changed):
    made = {**GOOD, **changed}
    return http({"outputs": {name: value for name, value in made.items() if value is not None}})


class RawServer:
    """Answers GET by metadata and POST by what a function writes to the socket."""

    def __init__(self, answer, metadata=METADATA):
        self._answer = answer if callable(answer) else lambda connection: connection.sendall(answer)
        self._metadata = metadata if isinstance(metadata, bytes) else http(metadata)
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.address = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        self.asked = 0

    def __enter__(self):
        threading.Thread(target=self._serve, daemon=True).start()
        return self

    def __exit__(self, *error):
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()

    def _serve(self):
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._socket.accept()
                threading.Thread(target=self._one, args=(connection,), daemon=True).start()

    def _one(self, connection):
        with contextlib.suppress(OSError), connection:
            request = b""
            while b"\r\n\r\n" not in request:
                request += connection.recv(2**16)
            head, _, body = request.partition(b"\r\n\r\n")
            length = int((re.search(rb"Content-Length: (\d+)", head) or [0, 0])[1])
            while len(body) < length:
                body += connection.recv(2**16)
            if head.startswith(b"GET"):
                connection.sendall(self._metadata)
            else:
                self.asked += 1
                self._answer(connection)


def ask(address, **options):
    with Client("tiny", address, **{"retries": 0, "timeout": 5, **options}) as client:
        return client.classify_frames([b"x", b"y"])


def told(address, kind=Exception, **options):
    """The one error that a request ends in: in a line, with the server in it."""
    with pytest.raises((WrongAnswer, RequestRefused, ServerUnavailable, ServerTimeout)) as caught:
        ask(address, **options)
    assert isinstance(caught.value, kind), caught.value
    message = str(caught.value)
    assert address.split("//")[-1] in message
    assert message.isprintable() and len(message) < 1500
    return message


NAN = json.dumps({"outputs": GOOD}).replace("0.75", "NaN").encode()
ODD = {
    "empty": http(b""),
    "html": http(b"<html>proxy</html>", headers=["Content-Type: text/html"]),
    "html called json": http(b"<html>\x1b[2J</html>", headers=["Content-Type: application/json"]),
    "json called html": http({"outputs": GOOD}, headers=["Content-Type: text/html"]),
    "null": http(None),
    "list": http([]),
    "number": http(3),
    "text": http("outputs"),
    "no outputs": http({}),
    "predictions": http({"predictions": [GOOD]}),
    "outputs list": http({"outputs": [[1.0]]}),
    "outputs null": http({"outputs": None}),
    "outputs text": http({"outputs": "x"}),
    "deep": http(b"[" * 200_000),
    "deep outputs": http(b'{"outputs": ' + b'{"a":' * 900 + b"1" + b"}" * 901),
    "deep array": outputs(scores=json.loads("[" * 40 + "1.0" + "]" * 40)),
    "twice": http(b'{"outputs": {}, "outputs": {}}'),
    "cut json": http(json.dumps({"outputs": GOOD}).encode()[:-9]),
    "two documents": http(b"{}{}"),
    "not utf-8": http(b'{"outputs": "\xff\xfe\xfd"}'),
    "half a character": http(b'{"outputs": {"classes": [["\\ud800", "a"]]}}'),
    "nan": http(NAN),
    "infinity": http(NAN.replace(b"NaN", b"-Infinity")),
    "1e400": http(NAN.replace(b"NaN", b"1e400")),
    "1e39": http(NAN.replace(b"NaN", b"1e39")),
    "huge integer": http(NAN.replace(b"NaN", b"9" * 4000)),
    "huge integers": http(NAN.replace(b"NaN", b"9" * 5000)),
    "missing": outputs(logits=None),
    "more": outputs(other=[[1.0]]),
    "numbers for names": outputs(classes=[[1, 2]]),
    "names for numbers": outputs(scores=[["a", "b"]]),
    "mixed": outputs(scores=[["0.5", 0.5]]),
    "bool": outputs(scores=[[True, False]]),
    "null inside": outputs(scores=[[None, 0.5]]),
    "object inside": outputs(scores=[[{"a": 1}, 0.5]]),
    "bad base64": outputs(classes=[[{"b64": "***"}, {"b64": "YQ=="}]]),
    "other base64": outputs(classes=[[{"b64": 3}, {"b64": "YQ=="}]]),
    "control characters": outputs(classes=[["push\u001b[2J", "pull"]]),
    "two lines": outputs(classes=[["push\u2028", "pull"]]),
    "not utf-8 in base64": outputs(classes=[[{"b64": "//79"}, {"b64": "YQ=="}]]),
    "ragged": outputs(scores=[[0.5], [0.5, 0.5]]),
    "scalar": outputs(scores=0.5),
    "flat": outputs(scores=[0.5, 0.5]),
    "no rows": outputs(scores=[]),
    "empty rows": outputs(**{name: [[]] for name in GOOD}),
    "two rows": outputs(**{name: value * 2 for name, value in GOOD.items()}),
    "fewer classes": outputs(probabilities=[[1.0]], logits=[[1.0]]),
    "more classes": outputs(probabilities=[[0.2, 0.2, 0.6]], logits=[[1.0, 1.0, 2.0]]),
    "more names than scores": outputs(classes=[["a", "b", "c"]]),
    "below 0": outputs(probabilities=[[-0.25, 1.0]]),
    "above 1": outputs(scores=[[1.5, 0.1]]),
    "no content": http(b"", "204 No Content"),
    "created": http({"outputs": GOOD}, "201 Created"),
    "redirect": http(b"", "307 Temporary", ["Location: http://localhost:1/"]),
    "redirect nowhere": http(b"", "302 Found"),
    "400 html": http(b"<html>", "400 Bad Request"),
    "400 list": http([1], "400 Bad Request"),
    "400 number": http({"error": 3}, "400 Bad Request"),
    "400 deep": http(b"[" * 100_000, "400 Bad Request"),
    "401": http(b"", "401 Unauthorized"),
    "404 other": http({"error": {"a": 1}}, "404 Not Found"),
    "500": http(b"\xff" * 1000, "500 Oh"),
    "502": http(b"<h1>Bad Gateway</h1>", "502 Bad Gateway"),
    "503": http(None, "503 Later"),
    "599": http({"error": "a\nb\x1b[2J" * 1000}, "599 Odd"),
    "999": http(b"", "999 None"),
    "no status": b"HELLO\r\n\r\n",
    "status of letters": b"HTTP/1.1 abc OK\r\n\r\n",
    "long status": b"HTTP/1.1 200 " + b"x" * 100_000,
    "long header": b"HTTP/1.1 200 OK\r\nX: " + b"x" * 100_000,
    "many headers": b"HTTP/1.1 200 OK\r\n" + b"X: 1\r\n" * 200 + b"\r\n",
    "odd headers": b"HTTP/1.1 200 OK\r\n\xff\xfe\r\n: :\r\n\r\n{}",
    "nothing": b"",
    "cut off": http({"outputs": GOOD}, length=1000),
    "negative length": http({"outputs": {}}, length=-5),
    "length of letters": http({"outputs": {}}, length="x"),
    "gzip": http(
        gzip.compress(json.dumps({"outputs": GOOD}).encode()), headers=["Content-Encoding: gzip"]
    ),
    "coding of a plain body": http({"outputs": GOOD}, headers=["Content-Encoding: br"]),
    "cut chunk": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nff\r\n{}",
    "odd chunk": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n{}\r\n",
    "web socket": b"HTTP/1.1 101 Switching Protocols\r\n\r\n",
    "tls": b"\x15\x03\x01\x00\x02\x02\x16",
}
WITHOUT_METADATA = ["fewer classes", "more classes", "more"]  # Nothing would say so.


@pytest.mark.parametrize("bare", [False, True], ids=["described", "not described"])
def test_odd_rest_answers_end_in_one_error(bare):
    for name, answer in ODD.items():
        if bare and name in WITHOUT_METADATA:
            continue
        with RawServer(answer, BARE if bare else METADATA) as server:
            assert told(server.address), name
            assert server.asked == 1, name
    with RawServer(outputs(), BARE if bare else METADATA) as server:
        assert ask(server.address).classes == [("push", 0.75), ("pull", 0.25)]


def test_odd_metadata_ends_in_one_error():
    odd = [http(b"x"), http({}), http({"metadata": []})]
    for wrong in (
        {"inputs": []},
        {"inputs": {"frames": 1}},
        {"inputs": {"frames": tensor("X")}},
        {"inputs": {"frames": tensor("RESOURCE")}},
    ):
        odd.append(
            http({"metadata": {"signature_def": {"signature_def": {"predict_frames": wrong}}}})
        )
    for size in ("x", -(2**70), 2**70):
        made = {"inputs": {"frames": tensor("STRING", size)}}
        odd.append(
            http({"metadata": {"signature_def": {"signature_def": {"predict_frames": made}}}})
        )
    for metadata in odd:
        with RawServer(outputs(), metadata) as server:
            try:
                told(server.address)
            except ValueError as error:  # A size that none can have: the input does not fit.
                assert "frames must be" in str(error)


@pytest.mark.parametrize(
    "states",
    [{}, [], [{"version": "-1", "state": "AVAILABLE"}], [{"version": "1", "state": "\x1b"}],
     [{"version": 1.5, "state": "END"}], [{"version": "1" * 400, "state": "END"}], [{"state": ""}]],
)  # fmt: skip
def test_odd_versions_are_refused(states):
    server = RawServer(b"", http({"model_version_status": states}))
    with server, Client("tiny", server.address, retries=0) as client:
        if states == []:
            assert client.states() == {}
            return
        with pytest.raises(WrongAnswer, match=server.address):
            client.states()


def drip(text, pause=0.2):
    def answer(connection):
        for byte in text:
            connection.sendall(bytes([byte]))
            time.sleep(pause)

    return answer


SLOW = {
    "status": drip(http({"outputs": GOOD})),
    "headers": drip(b"HTTP/1.1 200 OK\r\n" + b"X-A: b\r\n" * 90),
    "body": lambda connection: (
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n"),
        drip(b" " * 500)(connection),
    ),
    "chunks": lambda connection: (
        connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"),
        drip(b"1\r\n \r\n" * 100)(connection),
    ),
    "continue": lambda connection: [
        (connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n"), time.sleep(0.1)) for _ in range(99)
    ],
    "nothing": lambda connection: time.sleep(20),
    "503": lambda connection: (time.sleep(0.3), connection.sendall(http(b"", "503 Later"))),
}


@pytest.mark.parametrize("kind", SLOW)
def test_one_deadline_for_the_whole_call(kind):
    with RawServer(SLOW[kind]) as server:
        begun = time.monotonic()
        told(server.address, timeout=0.8, retries=50)
        assert time.monotonic() - begun < 1.3


def test_a_server_that_never_takes_the_connection_is_not_waited_for():
    with socket.create_server(("127.0.0.1", 0), backlog=0) as full:
        port = full.getsockname()[1]
        filling = [socket.socket() for _ in range(4)]
        for one in filling:
            one.setblocking(False)
            one.connect_ex(("127.0.0.1", port))
        begun = time.monotonic()
        told(f"http://127.0.0.1:{port}", timeout=0.5, retries=3)
        assert time.monotonic() - begun < 1.0
        for one in filling:
            one.close()


@pytest.mark.parametrize("chunked", [True, False])
def test_an_answer_without_end_is_cut_off(chunked):
    sent = 0

    def answer(connection):
        nonlocal sent
        head = "Transfer-Encoding: chunked" if chunked else "Content-Length: 99999999999"
        connection.sendall(f"HTTP/1.1 200 OK\r\n{head}\r\n\r\n".encode())
        piece = b" " * 2**20
        while True:
            connection.sendall(b"100000\r\n" + piece + b"\r\n" if chunked else piece)
            sent += len(piece)

    with RawServer(answer) as server:
        assert "more than 33554432 bytes" in told(server.address, WrongAnswer, timeout=30)
    assert sent < 2**26


def test_redirects_are_not_followed():
    with RawServer(outputs()) as other:
        location = f"Location: {other.address}/v1/models/tiny:predict"
        with RawServer(http(b"", "307 Temporary Redirect", [location])) as server:
            assert other.address in told(server.address, WrongAnswer)
        assert not other.asked


@pytest.mark.parametrize(
    "address",
    ["file:///etc/passwd", "ftp://localhost:8500", "http://", "http://a b:1", "http://u:p@host:1",
     "http://host:99999", "http://host:x", "http://host:1?x=1", "http://host:1#x", "https://",
     "user@host:8500", "localhost", "localhost:0", "localhost:99999", "", "::1:8500", "data:,x",
     "http:/localhost:8501", "http://[::1", "http://host:1/\r\nX: 1", "gopher://host:1", ":8500",
     "http://" + "a" * 70 + ".org"],
)  # fmt: skip
def test_odd_addresses_are_refused(address):
    with pytest.raises(ValueError, match="The address of a server must be") as caught:
        Client("tiny", address)
    assert "u:p" not in str(caught.value)


def test_servers_are_found_by_ipv6_and_by_names_of_grpc(server, clips):
    for address in (server.grpc_address, f"dns:///{server.grpc_address}"):
        with Client("tiny", address) as client:
            assert client.states() == {1: "AVAILABLE"}
    with (
        contextlib.suppress(OSError),
        socket.create_server(("::1", 0), family=socket.AF_INET6) as v6,
    ):
        address = f"http://[::1]:{v6.getsockname()[1]}"
        threading.Thread(
            target=lambda: v6.accept()[0].sendall(http({"model_version_status": []})), daemon=True
        ).start()
        with Client("tiny", address, retries=0, timeout=5) as client:
            assert client.states() == {}


def test_names_of_models_are_parts_of_a_path(server):
    for protocol in (server.grpc_address, server.rest_address):
        client = Client("tiny/../x y?", protocol)
        with client, pytest.raises(RequestRefused, match="NOT_FOUND"):
            client.states()


def proto(value, **changed):
    made = tf.make_tensor_proto(np.array(value, object if value == GOOD["classes"] else np.float32))
    for name, content in changed.items():
        setattr(made, name, content)
    return made


def resized(value, *sizes):
    made = proto(value)
    del made.tensor_shape.dim[:]
    for size in sizes:
        made.tensor_shape.dim.add(size=size)
    return made


ODD_PROTOS = {
    "nothing": dict.fromkeys(GOOD),
    "missing": {"logits": None},
    "more": {"other": proto([[1.0]])},
    "nan": {"logits": proto([[np.nan, 1.0]])},
    "infinite": {"scores": proto([[np.inf, 0.0]])},
    "below 0": {"probabilities": proto([[-0.5, 1.0]])},
    "above 1": {"probabilities": proto([[0.5, 2.0]])},
    "double": {"logits": tf.make_tensor_proto([[1.0, 2.0]], tf.float64)},
    "numbers for names": {"classes": proto([[1.0, 2.0]])},
    "no type": {"logits": proto([[1.0, 2.0]], dtype=0)},
    "unknown type": {"logits": proto([[1.0, 2.0]], dtype=99)},
    "resource": {"logits": proto([[1.0, 2.0]], dtype=20)},
    "content cut": {"logits": proto([[1.0, 2.0]], tensor_content=b"abc")},
    "content of another length": {"logits": proto([[1.0, 2.0]], tensor_content=b"abcd" * 3)},
    "bomb": {"logits": resized([[1.0]], 10**6, 10**6)},
    "negative": {"logits": resized([[1.0]], -1, 2)},
    "flat": {"logits": proto([1.0, 2.0])},
    "two rows": {"logits": proto([[1.0, 2.0]] * 2)},
    "three classes": {name: proto([[0.2, 0.2, 0.6]]) for name in ("logits", "probabilities")},
    "oversize": {"logits": proto(np.zeros([1, 2**23 + 9]).tolist())},
    "not utf-8": {"classes": tf.make_tensor_proto([[b"\xff\xfe", b"a"]])},
}


@pytest.fixture(scope="module")
def odd_grpc():
    """Address of a server, and the dict of changes to its good answer."""
    changed = {}

    class Predictions(prediction_service_pb2_grpc.PredictionServiceServicer):
        def GetModelMetadata(self, request, context):
            made = get_model_metadata_pb2.GetModelMetadataResponse()
            if "no metadata" in changed:
                return made
            found = get_model_metadata_pb2.SignatureDefMap()
            signature = found.signature_def["predict_frames"]
            signature.inputs["frames"].dtype = tf.string.as_datatype_enum
            signature.inputs["frames"].tensor_shape.unknown_rank = True
            for name, kind in KINDS.items():
                entry = signature.outputs[name]
                entry.dtype = tf.as_dtype(kind.lower().replace("float", "float32")).as_datatype_enum
                entry.tensor_shape.dim.add(size=-1)
                entry.tensor_shape.dim.add(size=2)
            made.metadata["signature_def"].Pack(found)
            return made

        def Predict(self, request, context):
            if "code" in changed:
                context.abort(changed["code"], "odd\n\x1b[2J" * 500)
            if "slow" in changed:
                time.sleep(2)
            answer = predict_pb2.PredictResponse()
            protos = {**{name: proto(value) for name, value in GOOD.items()}, **changed}
            for name, value in protos.items():
                if value is not None:
                    answer.outputs[name].CopyFrom(value)
            return answer

    class Models(model_service_pb2_grpc.ModelServiceServicer):
        def GetModelStatus(self, request, context):
            answer = get_model_status_pb2.GetModelStatusResponse()
            answer.model_version_status.add(version=-1, state=77)
            return answer

    server = grpc.server(
        futures.ThreadPoolExecutor(4), options=[("grpc.max_send_message_length", -1)]
    )
    prediction_service_pb2_grpc.add_PredictionServiceServicer_to_server(Predictions(), server)
    model_service_pb2_grpc.add_ModelServiceServicer_to_server(Models(), server)
    address = f"127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
    server.start()
    yield address, changed
    server.stop(None)


@pytest.mark.parametrize("kind", ["good", *ODD_PROTOS])
def test_odd_grpc_answers_end_in_one_error(kind, odd_grpc):
    address, changed = odd_grpc
    changed.clear()
    if kind == "good":
        assert ask(address).classes == [("push", 0.75), ("pull", 0.25)]
        return
    changed.update(ODD_PROTOS[kind])
    told(address, WrongAnswer)


def test_odd_grpc_states_end_in_one_error(odd_grpc):
    address, changed = odd_grpc
    for code in grpc.StatusCode:
        if code != grpc.StatusCode.OK:
            changed.clear()
            changed["code"] = code
            told(address)
    changed.clear()
    changed["no metadata"] = None
    told(address, WrongAnswer)
    changed.clear()
    changed["slow"] = None
    begun = time.monotonic()
    told(address, ServerTimeout, timeout=0.4)
    assert time.monotonic() - begun < 1.0
    changed.clear()
    with Client("tiny", address) as client, pytest.raises(WrongAnswer, match="version '-1'"):
        client.states()


def test_a_request_too_large_is_not_sent(server, monkeypatch):
    monkeypatch.setattr("rstg_tf.serving.connection.REQUEST_BYTES", 10**5)
    for address in (server.grpc_address, server.rest_address):
        with Client("tiny", address) as client:
            client.description()
            before = server.requests
            with pytest.raises(ValueError, match=r"at most 100000 bytes. Received: \d+ bytes"):
                client.classify_frames([b"\xff\xd8\xff" * 20_000] * 4)
            assert server.requests == before
