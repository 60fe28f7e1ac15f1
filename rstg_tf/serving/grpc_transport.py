"""Requests to TensorFlow Serving by gRPC."""

import math

import grpc
import tensorflow as tf
from google.protobuf.message import DecodeError
from tensorflow_serving.apis import (
    get_model_metadata_pb2,
    get_model_status_pb2,
    model_service_pb2_grpc,
    predict_pb2,
    prediction_service_pb2_grpc,
)

from rstg_tf.serving import errors
from rstg_tf.serving.answers import spec_of
from rstg_tf.serving.connection import ANSWER_BYTES, REQUEST_BYTES, check_request
from rstg_tf.serving.errors import in_one_line

# What gRPC itself says of an answer, under the codes that servers use, too.
_NO_ANSWER = ("Received message larger", "Exception deserializing response")
_NO_TRUST = ("handshake", "CERTIFICATE", "verification")


class GrpcTransport:
    """A channel to one model, of one version or label where that is not None.

    Without `certificates`, a `connection.Certificates`, nothing is encrypted.
    """

    def __init__(self, address, model, version, label, certificates=None):
        self.address = address
        self._spec = {"name": model}
        if version is not None:
            self._spec["version"] = {"value": version}
        if label is not None:
            self._spec["version_label"] = label
        limits = [
            ("grpc.max_send_message_length", REQUEST_BYTES + 2**10),  # Checked before it is sent.
            ("grpc.max_receive_message_length", ANSWER_BYTES),
        ]
        if certificates is None:
            self._channel = grpc.insecure_channel(address, limits)
        else:
            certificates.context()  # gRPC would not say which file is wrong.
            authority, certificate, key = certificates.contents()
            credentials = grpc.ssl_channel_credentials(authority, key, certificate)
            self._channel = grpc.secure_channel(address, credentials, limits)
        self._predictions = prediction_service_pb2_grpc.PredictionServiceStub(self._channel)
        self._models = model_service_pb2_grpc.ModelServiceStub(self._channel)

    def predict(self, signature, inputs, outputs, deadline):
        """Asks a signature: dict of arrays to dict of arrays, see `RestTransport.predict`."""
        request = predict_pb2.PredictRequest(model_spec={**self._spec, "signature_name": signature})
        for name, value in inputs.items():
            kind = tf.string if value.dtype == object else None
            request.inputs[name].CopyFrom(tf.make_tensor_proto(value, kind))
        check_request(request.ByteSize())
        answer = self._call(self._predictions.Predict, request, deadline)
        return {name: self._array(name, value) for name, value in answer.outputs.items()}

    def signatures(self, deadline):
        """Every signature: see `RestTransport.signatures`."""
        request = get_model_metadata_pb2.GetModelMetadataRequest(
            model_spec=self._spec, metadata_field=["signature_def"]
        )
        answer = self._call(self._predictions.GetModelMetadata, request, deadline)
        found = get_model_metadata_pb2.SignatureDefMap()
        with errors.wrong_answer("invalid signatures", self.address, (ValueError, DecodeError)):
            if not answer.metadata["signature_def"].Unpack(found):
                raise ValueError("there are none")
            return {
                key: (_specs(signature.inputs), _specs(signature.outputs) or None)
                for key, signature in found.signature_def.items()
                if not key.startswith("__")  # TensorFlow's own.
            }

    def states(self, deadline):
        """List of version and its state on the server, such as `("1", "AVAILABLE")`."""
        request = get_model_status_pb2.GetModelStatusRequest(model_spec=self._spec)
        answer = self._call(self._models.GetModelStatus, request, deadline)
        names = dict(get_model_status_pb2.ModelVersionStatus.State.items())
        names = {number: name for name, number in names.items()}
        return [
            (str(found.version), names.get(found.state, str(found.state)))
            for found in answer.model_version_status
        ]

    def close(self):
        """Ends the connection."""
        self._channel.close()

    def _array(self, name, proto):
        kinds = (ValueError, TypeError, KeyError, OverflowError)
        with errors.wrong_answer(f"{name} that is not an array", self.address, kinds):
            shape = [dim.size for dim in proto.tensor_shape.dim]
            # Of a single number it could make an array of any size.
            if min(shape, default=0) < 0 or math.prod(shape) > ANSWER_BYTES:
                raise ValueError(f"shape {shape}")
            return tf.make_ndarray(proto)

    def _call(self, method, request, deadline):
        try:
            return method(request, timeout=deadline.left())
        except grpc.RpcError as error:
            code, details = error.code(), error.details() or ""
        if code == grpc.StatusCode.UNAVAILABLE:
            if any(word in details for word in _NO_TRUST):
                raise errors.NotTrusted(details, self.address)
            raise errors.ServerUnavailable(
                f"No server answers. Received: {self.address} ({in_one_line(details)})"
            )
        if code == grpc.StatusCode.DEADLINE_EXCEEDED:
            raise errors.ServerTimeout(deadline.seconds, self.address)
        if any(words in details for words in _NO_ANSWER):
            raise errors.WrongAnswer(details, self.address)
        raise errors.RequestRefused(code.name, details, self.address)


def _specs(tensors):
    return {
        name: spec_of(tf.TensorShape(info.tensor_shape), info.dtype)
        for name, info in tensors.items()
    }
