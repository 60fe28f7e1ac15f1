"""Two hundred wrong requests: each is refused by name, and the next good one is answered."""

import os
import pathlib
import struct

import grpc
import numpy as np
import pytest
import tensorflow as tf
from closeness import assert_close
from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc

from rstg_tf.data.shards.sequence_example import encode_image

REFUSED = {grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.FAILED_PRECONDITION}
COUNT = 200
MEMORY = 64  # MiB


@pytest.fixture(scope="module")
def stub(server):
    channel = grpc.insecure_channel(server.grpc_address, [("grpc.max_send_message_length", 2**28)])
    with channel:
        yield prediction_service_pb2_grpc.PredictionServiceStub(channel)


def ask(stub, signature, inputs, model="tiny"):
    request = predict_pb2.PredictRequest()
    request.model_spec.name, request.model_spec.signature_name = model, signature
    for name, value in inputs.items():
        kind = tf.string if value.dtype == object else None
        request.inputs[name].CopyFrom(tf.make_tensor_proto(value, kind))
    outputs = stub.Predict(request, timeout=60).outputs
    return {name: tf.make_ndarray(value) for name, value in outputs.items()}


def resident():
    """MiB."""
    pages = int(pathlib.Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


class Wrong:
    """Makes wrong requests: `(signature, inputs, what the message names)`."""

    def __init__(self, state, seed=0):
        self.rng = np.random.default_rng(seed)
        self.state = state
        self.kinds = [
            getattr(self, name) for name in sorted(dir(type(self))) if name.startswith("make_")
        ]

    def make_clips_of_wrong_rank(self):
        rank = self.rng.choice([0, 1, 2, 3, 4, 6])
        return self.signature(), {"clips": np.zeros([2] * rank, np.uint8)}, "clips"

    def make_clips_of_wrong_channels(self):
        channels = self.rng.choice([0, 1, 2, 4])
        return self.signature(), {"clips": self.clips(1, 4, 32, 32, channels)}, "clips"

    def make_clips_of_wrong_length(self):
        frames = self.rng.choice([0, 1, 65, 10_000])
        return self.signature(), {"clips": self.clips(1, frames, 8, 8)}, "clips"

    def make_clips_of_wrong_size(self):
        sides = self.rng.permutation([self.rng.choice([0, 1, 7, 4097]), 8])
        return self.signature(), {"clips": self.clips(1, 2, *sides)}, "clips"

    def make_batches_of_wrong_size(self):
        count = self.rng.choice([0, 65, 300])
        if self.rng.random() < 0.5:
            return "init_states", {"rows": np.zeros(count, np.int64)}, "rows"
        return self.signature(), {"clips": self.clips(count, 2, 8, 8)}, "clips"

    def make_another_type(self):
        # The runtime tells the type, and the input by its number; the client names it.
        kind = self.rng.choice([np.float32, np.int64, np.int32])
        clips = self.clips(1, 4, 32, 32).astype(kind)
        return self.signature(), {"clips": clips}, "to be uint8"

    def make_truncated_images(self):
        image = self.image()
        return self.with_frame(image[: self.rng.integers(0, len(image) - 2)])

    def make_images_of_noise(self):
        start = self.rng.choice([b"", b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF89a", b"BM"])
        return self.with_frame(start + self.rng.bytes(self.rng.integers(0, 300)))

    def make_bombs(self):
        """Small files whose headers claim sides of up to 65,535 or four billion pixels."""
        image = bytearray(self.image())
        if image[:1] == b"\xff":
            start, numbers = image.index(b"\xff\xc0") + 5, ">HH"
            sides = self.rng.integers(4097, 65_536, 2)
        else:
            start, numbers = 16, ">II"
            sides = self.rng.integers(4097, 2**32, 2)
        struct.pack_into(numbers, image, start, *map(int, sides))
        return self.with_frame(bytes(image))

    def make_too_many_encoded_frames(self):
        frames = self.rng.choice([0, 1, 65, 10_000])
        return "predict_frames", {"frames": self.strings([[b"x"] * frames])}, "frames"

    def make_encoded_frames_of_wrong_rank(self):
        rank = self.rng.choice([0, 1, 3])
        frames = self.strings(self.image()).reshape([1] * rank)
        return "predict_frames", {"frames": frames}, "frames"

    def make_damaged_examples(self):
        made = tf.train.SequenceExample()
        if self.rng.random() < 0.5:
            feature = made.feature_lists.feature_list["image/encoded"].feature.add()
            feature.bytes_list.value.append(self.image()[:50])
        record = self.rng.choice([0, 1])
        record = made.SerializeToString() if record else self.rng.bytes(40)
        return "serve_examples", {"examples": self.strings([record])}, "examples"

    def make_states_of_wrong_shape(self):
        name = self.rng.choice(sorted(self.state))
        value = self.state[name]
        wrong = [value[..., :-1], value[0], value[None], value[:0], np.repeat(value, 3, axis=0)]
        return self.step(**{name: wrong[self.rng.integers(len(wrong))]}, names=name)

    def make_states_that_are_not_finite(self):
        name = self.rng.choice(sorted(self.state))
        value = self.state[name].copy()
        value.flat[self.rng.integers(value.size)] = self.rng.choice([np.nan, np.inf, -np.inf])
        return self.step(**{name: value}, names=name)

    def make_states_missing(self):
        name = self.rng.choice(sorted(self.state))
        signature, inputs, _ = self.step(names=name)
        del inputs[name]
        return signature, inputs, name

    def make_unknown_signatures(self):
        name = self.rng.choice(["classyfy", "step2", "Serving_Default"])
        return name, {"clips": self.clips(1, 4, 32, 32)}, name

    def make_unknown_inputs(self):
        return "classify", {"video": self.clips(1, 4, 32, 32)}, "video"

    def signature(self):
        return self.rng.choice(["serving_default", "classify"])

    def clips(self, *shape):
        return np.zeros(shape if len(shape) == 5 else (*shape, 3), np.uint8)

    def image(self):
        frame = self.rng.integers(0, 256, (32, 32, 3), np.uint8)
        return encode_image(frame, self.rng.choice([None, 90]))

    def strings(self, values):
        return np.array(values, object)

    def with_frame(self, wrong):
        """A clip, or one frame of a stream, where one of the images is wrong."""
        if self.rng.random() < 0.5:
            frames = [self.image(), self.image(), wrong]
            self.rng.shuffle(frames)
            return "predict_frames", {"frames": self.strings([frames])}, "frames"
        return "step_encoded", {"frames": self.strings([wrong]), **self.state}, "frames"

    def step(self, names, **changed):
        frames = self.clips(1, 1, 32, 32)[0]
        return "step", {"frames": frames, **self.state, **changed}, names


def test_wrong_requests_are_refused_by_name_and_the_next_is_answered(stub, subject, clips):
    state = ask(stub, "init_states", {"rows": np.zeros(1, np.int64)})
    wrong = Wrong(state)
    good = subject.model(clips)["logits"]
    for number in range(COUNT):
        signature, inputs, named = wrong.kinds[number % len(wrong.kinds)]()
        with pytest.raises(grpc.RpcError) as caught:
            ask(stub, signature, inputs)
        assert caught.value.code() in REFUSED, (signature, caught.value.details())
        assert named in caught.value.details(), (signature, named, caught.value.details())
        if number == COUNT // 2:
            before = resident()
        found = ask(stub, "classify", {"clips": clips})["logits"]
        assert_close(found, good)
    assert resident() < before + MEMORY


def test_unknown_models_are_not_found(stub, clips):
    with pytest.raises(grpc.RpcError) as caught:
        ask(stub, "classify", {"clips": clips}, model="huge")
    assert caught.value.code() == grpc.StatusCode.NOT_FOUND
    assert "huge" in caught.value.details()
