"""A SavedModel loaded and run by TensorFlow's C API alone, as a server does it.

`python -I c_session.py LIBRARY MODEL SIGNATURES INPUTS OUTPUT` runs signatures in a process that
has neither `rstg_tf` nor `tensorflow`. SIGNATURES is JSON of what `tensors_of` returns; INPUTS and
OUTPUT are `.npz` files of arrays `SIGNATURE/NAME`.
"""

import ctypes
import json
import sys

import numpy as np

CODES = {
    0: "OK",
    1: "CANCELLED",
    2: "UNKNOWN",
    3: "INVALID_ARGUMENT",
    4: "DEADLINE_EXCEEDED",
    5: "NOT_FOUND",
    8: "RESOURCE_EXHAUSTED",
    9: "FAILED_PRECONDITION",
    13: "INTERNAL",
}
# Number of a type in TensorFlow -> in NumPy.
TYPES = {1: np.float32, 3: np.int32, 4: np.uint8, 7: object, 9: np.int64, 10: np.bool_}
_STRING = 7


class TensorFlowError(Exception):
    """What TensorFlow refused; `code` is one of `CODES`."""

    def __init__(self, code, message):
        super().__init__(message)
        self.code = code


class _Output(ctypes.Structure):
    _fields_ = [("operation", ctypes.c_void_p), ("index", ctypes.c_int)]


class CSession:
    """The graph of tag `serve`, with a session.

    Args:
        directory: the SavedModel.
        signatures: what `tensors_of` returned for it.
        library: path of `libtensorflow_cc.so.2`.
    """

    def __init__(self, directory, signatures, library):
        self.signatures = signatures
        self._tf = ctypes.CDLL(str(library))
        for name, result in _RESULTS.items():
            getattr(self._tf, name).restype = result
        self._graph = ctypes.c_void_p(self._tf.TF_NewGraph())
        options = ctypes.c_void_p(self._tf.TF_NewSessionOptions())
        tags = (ctypes.c_char_p * 1)(b"serve")
        self._session = ctypes.c_void_p(
            self._checked(
                self._tf.TF_LoadSessionFromSavedModel,
                options, None, str(directory).encode(), tags, 1, self._graph, None,
            )
        )  # fmt: skip
        self._tf.TF_DeleteSessionOptions(options)

    def run(self, signature, inputs):
        """Asks a signature.

        Args:
            signature: its name.
            inputs: dict from name to array; strings as arrays of objects.

        Returns:
            Dict from name to array.

        Raises:
            TensorFlowError: with the code and the message of TensorFlow.
        """
        expected, outputs = (self.signatures[signature][key] for key in ("inputs", "outputs"))
        tensors = [self._tensor(np.asarray(value)) for value in inputs.values()]
        results = (ctypes.c_void_p * len(outputs))()
        try:
            self._checked(
                self._tf.TF_SessionRun,
                self._session, None,
                self._endpoints(expected[name] for name in inputs),
                (ctypes.c_void_p * len(tensors))(*[tensor.value for tensor in tensors]),
                len(tensors),
                self._endpoints(outputs.values()), results, len(outputs),
                None, 0, None,
            )  # fmt: skip
            return {
                name: self._array(ctypes.c_void_p(result))
                for name, result in zip(outputs, results, strict=True)
            }
        finally:
            for tensor in (*tensors, *map(ctypes.c_void_p, results)):
                if tensor.value:
                    self._tf.TF_DeleteTensor(tensor)

    def _checked(self, function, *arguments):
        """Calls a function whose last argument is its status."""
        status = ctypes.c_void_p(self._tf.TF_NewStatus())
        try:
            result = function(*arguments, status)
            code = self._tf.TF_GetCode(status)
            if code:
                message = self._tf.TF_Message(status).decode(errors="replace")
                raise TensorFlowError(CODES.get(code, str(code)), message)
            return result
        finally:
            self._tf.TF_DeleteStatus(status)

    def _endpoints(self, names):
        endpoints = []
        for name in names:
            operation, _, index = name.partition(":")
            found = self._tf.TF_GraphOperationByName(self._graph, operation.encode())
            endpoints.append(_Output(found, int(index or 0)))
        return (_Output * len(endpoints))(*endpoints)

    def _tensor(self, array):
        number = next(n for n, kind in TYPES.items() if array.dtype == np.dtype(kind))
        shape = (ctypes.c_int64 * array.ndim)(*array.shape)
        count = 24 * array.size if number == _STRING else array.nbytes
        tensor = ctypes.c_void_p(self._tf.TF_AllocateTensor(number, shape, array.ndim, count))
        place = self._tf.TF_TensorData(tensor)
        if number == _STRING:
            for k, text in enumerate(array.ravel().tolist()):
                text = text.encode() if isinstance(text, str) else text
                string = ctypes.c_void_p(place + 24 * k)
                self._tf.TF_StringInit(string)
                self._tf.TF_StringCopy(string, text, ctypes.c_size_t(len(text)))
        elif count:
            ctypes.memmove(place, array.tobytes(), count)
        return tensor

    def _array(self, tensor):
        number = self._tf.TF_TensorType(tensor)
        shape = [self._tf.TF_Dim(tensor, axis) for axis in range(self._tf.TF_NumDims(tensor))]
        array, place = np.empty(shape, TYPES[number]), self._tf.TF_TensorData(tensor)
        if number == _STRING:
            for k in range(array.size):
                string = ctypes.c_void_p(place + 24 * k)
                size = self._tf.TF_StringGetSize(string)
                array.flat[k] = ctypes.string_at(self._tf.TF_StringGetDataPointer(string), size)
        elif array.nbytes:
            ctypes.memmove(array.ctypes.data, place, array.nbytes)
        return array


_RESULTS = {
    "TF_AllocateTensor": ctypes.c_void_p,
    "TF_Dim": ctypes.c_int64,
    "TF_GetCode": ctypes.c_int,
    "TF_GraphOperationByName": ctypes.c_void_p,
    "TF_LoadSessionFromSavedModel": ctypes.c_void_p,
    "TF_Message": ctypes.c_char_p,
    "TF_NewGraph": ctypes.c_void_p,
    "TF_NewSessionOptions": ctypes.c_void_p,
    "TF_NewStatus": ctypes.c_void_p,
    "TF_NumDims": ctypes.c_int,
    "TF_StringGetDataPointer": ctypes.c_void_p,
    "TF_StringGetSize": ctypes.c_size_t,
    "TF_TensorData": ctypes.c_void_p,
    "TF_TensorType": ctypes.c_int,
}


def library():
    """Path of TensorFlow's C API."""
    import pathlib

    import tensorflow as tf

    return pathlib.Path(tf.sysconfig.get_lib()) / "libtensorflow_cc.so.2"


def tensors_of(directory):
    """Reads which tensors the signatures of a SavedModel name.

    Returns:
        Dict from signature to `{"inputs": {name: tensor}, "outputs": {name: tensor}}`.
    """
    import pathlib

    from tensorflow.core.protobuf import saved_model_pb2

    model = saved_model_pb2.SavedModel()
    model.ParseFromString((pathlib.Path(directory) / "saved_model.pb").read_bytes())
    (graph,) = (meta for meta in model.meta_graphs if "serve" in meta.meta_info_def.tags)
    return {
        name: {
            "inputs": {key: value.name for key, value in signature.inputs.items()},
            "outputs": {key: value.name for key, value in signature.outputs.items()},
        }
        for name, signature in graph.signature_def.items()
        if not name.startswith("__")
    }


if __name__ == "__main__":
    library_path, model_path, tensors, given, made = sys.argv[1:]
    session = CSession(model_path, json.loads(tensors), library_path)
    with np.load(given, allow_pickle=True) as file:
        requests = {}
        for key in file:
            signature, name = key.split("/")
            requests.setdefault(signature, {})[name] = file[key]
    answers = {
        f"{signature}/{name}": array
        for signature, inputs in requests.items()
        for name, array in session.run(signature, inputs).items()
    }
    assert not {"rstg_tf", "tensorflow"} & set(sys.modules)
    np.savez(made, **answers)
