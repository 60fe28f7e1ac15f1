"""Messages of TensorFlow Serving's configs that its Python package leaves out.

Fields, numbers and types are those of `session_bundle_config.proto` and `monitoring_config.proto`
of TensorFlow Serving 2.15.
"""

from google.protobuf import (
    descriptor_pb2,
    descriptor_pool,
    message_factory,
    wrappers_pb2,
)

_INT, _STRING, _BOOL = ".google.protobuf.Int64Value", ".google.protobuf.StringValue", "bool"
_SCALARS = {"int64": 3, "bool": 8, "string": 9}  # Numbers of descriptor.proto.

_MESSAGES = {
    "BatchingParameters": [
        ("max_batch_size", 1, _INT),
        ("batch_timeout_micros", 2, _INT),
        ("max_enqueued_batches", 3, _INT),
        ("num_batch_threads", 4, _INT),
        ("thread_pool_name", 5, _STRING),
        ("allowed_batch_sizes", 6, "repeated int64"),
        ("pad_variable_length_inputs", 7, "bool"),
        ("enable_large_batch_splitting", 8, ".google.protobuf.BoolValue"),
        ("max_execution_batch_size", 9, _INT),
    ],
    "PrometheusConfig": [("enable", 1, "bool"), ("path", 2, "string")],
    "MonitoringConfig": [("prometheus_config", 1, ".tensorflow.serving.PrometheusConfig")],
}


def _classes():
    file = descriptor_pb2.FileDescriptorProto(
        name="serving_configs.proto",
        package="tensorflow.serving",
        syntax="proto3",
        dependency=[wrappers_pb2.DESCRIPTOR.name],
    )
    for name, fields in _MESSAGES.items():
        message = file.message_type.add(name=name)
        for field, number, kind in fields:
            made = message.field.add(name=field, number=number, label=1)
            if kind.startswith("repeated "):
                made.label, kind = 3, kind.removeprefix("repeated ")
            if kind in _SCALARS:
                made.type = _SCALARS[kind]
            else:
                made.type, made.type_name = 11, kind
    pool = descriptor_pool.Default()
    pool.Add(file)
    return {
        name: message_factory.GetMessageClass(
            pool.FindMessageTypeByName(f"tensorflow.serving.{name}")
        )
        for name in _MESSAGES
    }


BatchingParameters, _, MonitoringConfig = _classes().values()
