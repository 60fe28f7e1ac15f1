"""Requests to TensorFlow Serving by gRPC."""

import grpc
import tensorflow as tf
from tensorflow_serving.apis import (
    get_model_metadata_pb2,
    get_model_status_pb2,
    model_service_pb2_grpc,
    predict_pb2,
    prediction_service_pb2_grpc,
)

from rstg_tf.serving.errors import RequestRefused, ServerTimeout, ServerUnavailable

_MESSAGE_BYTES = 2**28


class GrpcTransport:
    """A channel to one model.

    Args:
        address: `HOST:PORT`.
        model: name of the model.
        version: number of its version, or None.
        label: label of its version, or None.
        timeout: seconds that a request may take.
    """

    def __init__(self, address, model, version, label, timeout):
        self._address = address
        self._timeout = timeout
        self._spec = {"name": model}
        if version is not None:
            self._spec["version"] = {"value": version}
        if label is not None:
            self._spec["version_label"] = label
        limits = [(f"grpc.max_{way}_message_length", _MESSAGE_BYTES) for way in ("send", "receive")]
        self._channel = grpc.insecure_channel(address, limits)
        self._predictions = prediction_service_pb2_grpc.PredictionServiceStub(self._channel)
        self._models = model_service_pb2_grpc.ModelServiceStub(self._channel)

    def predict(self, signature, inputs):
        """Asks a signature: dict of arrays to dict of arrays."""
        request = predict_pb2.PredictRequest(model_spec={**self._spec, "signature_name": signature})
        for name, value in inputs.items():
            kind = tf.string if value.dtype == object else None
            request.inputs[name].CopyFrom(tf.make_tensor_proto(value, kind))
        answer = self._call(self._predictions.Predict, request)
        return {name: tf.make_ndarray(value) for name, value in answer.outputs.items()}

    def inputs(self):
        """The inputs of every signature: dict from name to dict from input to `tf.TensorSpec`."""
        request = get_model_metadata_pb2.GetModelMetadataRequest(
            model_spec=self._spec, metadata_field=["signature_def"]
        )
        answer = self._call(self._predictions.GetModelMetadata, request)
        signatures = get_model_metadata_pb2.SignatureDefMap()
        answer.metadata["signature_def"].Unpack(signatures)
        return {
            key: {
                name: tf.TensorSpec(info.tensor_shape, info.dtype)
                for name, info in signature.inputs.items()
            }
            for key, signature in signatures.signature_def.items()
        }

    def states(self):
        """Dict from version to its state on the server, such as `"AVAILABLE"`."""
        request = get_model_status_pb2.GetModelStatusRequest(model_spec=self._spec)
        answer = self._call(self._models.GetModelStatus, request)
        names = get_model_status_pb2.ModelVersionStatus.State
        return {found.version: names.Name(found.state) for found in answer.model_version_status}

    def close(self):
        """Ends the connection."""
        self._channel.close()

    def _call(self, method, request):
        try:
            return method(request, timeout=self._timeout)
        except grpc.RpcError as error:
            code, details = error.code(), error.details()
        if code == grpc.StatusCode.UNAVAILABLE:
            raise ServerUnavailable(f"No server answers. Received: {self._address} ({details})")
        if code == grpc.StatusCode.DEADLINE_EXCEEDED:
            raise ServerTimeout(
                f"The server did not answer in {self._timeout} s. Received: {self._address}"
            )
        raise RequestRefused(code.name, details)
