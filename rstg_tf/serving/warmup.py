"""Warm-up: requests that a server replays before it says that a version is ready."""

import numpy as np
import tensorflow as tf

from rstg_tf.data.shards.sequence_example import encode_clip, encode_image

FILE = "tf_serving_warmup_requests"


def warmup_inputs(model, settings):
    """Makes a request for every signature.

    Args:
        model: a `VideoClassifier`.
        settings: `rstg_tf.serving.Settings`.

    Returns:
        Dict from name of a signature to dict from input to array: one clip, one frame of noise.
    """
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


def write_warmup(path, name, requests):
    """Writes the records of `assets.extra/tf_serving_warmup_requests`.

    Args:
        path: the file.
        name: name of the model.
        requests: what `warmup_inputs` returned.
    """
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
