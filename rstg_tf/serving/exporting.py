"""A model as a folder that TensorFlow Serving takes as it is."""

import contextlib
import os
import pathlib
import re
import shutil
from typing import TYPE_CHECKING

import numpy as np
import tensorflow as tf

from rstg_tf import files
from rstg_tf.data.shards.sequence_example import encode_clip, encode_image
from rstg_tf.hub.saved_model import TOLERANCE, labels_file
from rstg_tf.serving.settings import Settings
from rstg_tf.serving.signatures import make_signatures

if TYPE_CHECKING:
    from rstg_tf.evaluation.subject import Subject

_WARMUP = "tf_serving_warmup_requests"  # A server replays them before a version is ready.


def export_model(
    subject: "Subject",
    settings: Settings,
    output: str | os.PathLike,
    version: int | None = None,
    keep: int = 3,
) -> pathlib.Path:
    """Writes one more version of a model, whole or not at all.

    The folder holds `saved_model.pb`, `variables/`, `assets/labels.txt` and
    `assets.extra/tf_serving_warmup_requests`. It needs nothing of this library, and is loaded and
    asked once before it counts.

    Args:
        subject: what `rstg_tf.evaluation.subject.load_subject` returned.
        settings: `rstg_tf.serving.Settings`.
        output: folder of the model; its name is the model's on the server.
        version: number of the version, by default the next free one.
        keep: number of versions to keep there.

    Returns:
        `pathlib.Path` of the version.

    Raises:
        ValueError: a number that is not positive.
        FileExistsError: there is such a version.
        OSError: files can't be written there, or the disk is too full; before the work.
        RuntimeError: what was written does not predict what the model does.
    """
    output = pathlib.Path(output)
    check_version(output, version, keep)
    model = subject.model
    files.check_room(output.parent, num_bytes(model))
    files.check_temporary_room()
    names = subject.class_names or [f"class {index}" for index in range(model.num_classes)]
    signatures = make_signatures(model, names, settings)
    requests = _warmup_inputs(model, settings)
    with new_version(output, version, keep) as (part, path):
        module = tf.Module()
        module.weights = list(model.variables)  # Not the model, of which Keras would save more.
        with labels_file(names) as file:
            module.labels = tf.saved_model.Asset(file)
            tf.saved_model.save(module, str(part), signatures)
        extra = part / "assets.extra"
        extra.mkdir()
        _write_warmup(extra / _WARMUP, output.name, requests)
        _check(part, signatures, requests)
    return path


def num_bytes(model):
    """Bytes that an export takes at least: the weights, and some MB of graphs."""
    return 2**22 + sum(value.dtype.size * value.shape.num_elements() for value in model.variables)


def list_versions(folder):
    """Lists the numbers of the versions in the folder of a model, sorted."""
    folder = pathlib.Path(folder)
    if not folder.is_dir():
        return []
    return sorted(int(name) for name in os.listdir(folder) if re.fullmatch("[0-9]+", name))


def check_version(folder, version=None, keep=3):
    """Checks that a version can be made in the folder of a model, None for the next free one.

    Raises a ValueError for a number that is not positive, a FileExistsError where it is there.
    """
    if keep < 1:
        raise ValueError(f"One version or more must be kept. Received: keep={keep}")
    if version is not None and not 0 < version < 2**63:
        raise ValueError(f"The number of a version must be positive. Received: {version}")
    if version in list_versions(folder):
        raise FileExistsError(
            f"A version is never replaced, for servers keep what they have loaded. "
            f"Received: {pathlib.Path(folder) / str(version)}, which exists"
        )


@contextlib.contextmanager
def new_version(folder, version=None, keep=3):
    """Yields `(part, path)`: a folder to fill, and the version it becomes, whole or not at all.

    A server that watches the folder, which is made where it is missing, takes names that are
    numbers only. One process at a time writes; another one waits. The `keep` newest stay, this one
    among them; others are removed. Raises what `check_version` does.
    """
    folder = pathlib.Path(folder)
    files.make_folder(folder)
    with files.locked(folder):
        check_version(folder, version, keep)
        for left in folder.glob(".*.part"):  # By a process that was killed.
            if left.is_dir():
                shutil.rmtree(left)
        path = folder / str(version or max(list_versions(folder), default=0) + 1)
        with files.folder_written_whole(path) as part:
            yield part, path
        older = [number for number in list_versions(folder) if str(number) != path.name]
        for number in older[: len(older) - (keep - 1)]:
            removed = folder / f".{number}.part"
            os.rename(folder / str(number), removed)  # Nobody sees half of it either.
            shutil.rmtree(removed)


def _warmup_inputs(model, settings):
    """A request for every signature, dict from its name to inputs: one clip, one frame of noise."""
    frames, size = settings.clips.frames, settings.clips.size
    shape = (1, frames, size, size, model.channels)
    clips = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    images = np.array([[encode_image(frame, 90) for frame in clip] for clip in clips], object)
    example = encode_clip(clips[0], 0, "warm-up", "warm-up", 12.0)
    rows = np.zeros(1, np.int64)
    requests = {
        "serving_default": {"clips": clips},
        "classify": {"clips": clips},
        "predict_frames": {"frames": images},
        "serve_examples": {"examples": np.array([example], object)},
        "describe": {"rows": rows},
    }
    if model.streams:
        state = {name: value.numpy() for name, value in model.initial_state(1).items()}
        requests |= {
            "init_states": {"rows": rows},
            "step": {"frames": clips[:, 0], **state},
            "step_encoded": {"frames": images[:, 0], **state},
        }
    return requests


def _write_warmup(path, name, requests):
    """Writes requests to the model of a name as a server reads them."""
    from tensorflow_serving.apis.predict_pb2 import PredictRequest
    from tensorflow_serving.apis.prediction_log_pb2 import PredictionLog, PredictLog

    with tf.io.TFRecordWriter(str(path)) as writer:
        for signature, inputs in requests.items():
            request = PredictRequest()
            request.model_spec.name = name
            request.model_spec.signature_name = signature
            for key, value in inputs.items():
                request.inputs[key].CopyFrom(tf.make_tensor_proto(value))
            log = PredictionLog(predict_log=PredictLog(request=request))
            writer.write(log.SerializeToString(deterministic=True))


def _check(part, signatures, requests):
    """Replays the warm-up on what was written, and compares with the model."""
    loaded = tf.saved_model.load(str(part)).signatures
    found = {}
    for signature, inputs in requests.items():
        inputs = {name: tf.constant(value) for name, value in inputs.items()}
        found[signature] = loaded[signature](**inputs)
    expected = signatures["serving_default"](tf.constant(requests["serving_default"]["clips"]))
    error = np.abs(found["serving_default"]["logits"] - expected["logits"]).max()
    if not error <= TOLERANCE * max(1.0, np.abs(expected["logits"]).max()):
        raise RuntimeError(
            "An export must predict what the model does. "
            f"Received: logits that differ by {error:.2g}"
        )
