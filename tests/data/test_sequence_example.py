import cv2
import numpy as np
import pytest
import tensorflow as tf

from rstg_tf.data.interactions import Interactions
from rstg_tf.data.sequence_example import decode_clip, encode_clip
from rstg_tf.data.syncmnist import SyncMNIST

SOURCES = {
    "interactions": lambda: Interactions(size=32, frames=6),
    "syncmnist": lambda: SyncMNIST(digits=3, frames=4, size=32, source="embedded"),
}


def encode(source):
    clips, labels = source.batch([3])
    name = source.class_names[labels[0]]
    return encode_clip(clips[0], labels[0], name, "clip-3", 12.0), clips[0], labels[0]


@pytest.mark.parametrize("name", SOURCES)
def test_round_trip_is_lossless(name):
    source = SOURCES[name]()
    record, clip, label = encode(source)
    decoded, decoded_label = decode_clip(record, source.clip_shape)
    np.testing.assert_array_equal(decoded, clip)
    assert decoded_label == label
    assert record == encode(source)[0]


def test_context_keys():
    source = SOURCES["interactions"]()
    record, _, label = encode(source)
    context = tf.train.SequenceExample.FromString(record).context.feature
    assert context["clip/label/index"].int64_list.value == [label]
    assert context["clip/label/string"].bytes_list.value == [source.class_names[label].encode()]
    assert context["clip/media_id"].bytes_list.value == [b"clip-3"]
    assert context["clip/frames"].int64_list.value == [6]
    assert context["image/format"].bytes_list.value == [b"png"]
    assert context["image/height"].int64_list.value == [32]
    assert context["image/width"].int64_list.value == [32]
    assert context["image/frame_rate"].float_list.value == [12.0]


def test_model_garden_reads_it():
    video_input = pytest.importorskip("official.vision.dataloaders.video_input")
    record, clip, label = encode(SOURCES["interactions"]())
    decoded = video_input.Decoder().decode(record)
    assert decoded["clip/label/index"].numpy() == label
    frames = [tf.io.decode_image(frame, channels=3) for frame in decoded["image/encoded"].numpy()]
    np.testing.assert_array_equal(np.stack(frames), clip)


def example(images, label=0):
    made = tf.train.SequenceExample()
    made.context.feature["clip/label/index"].int64_list.value.append(label)
    for image in images:
        frame = made.feature_lists.feature_list["image/encoded"].feature.add()
        frame.bytes_list.value.append(image)
    return made.SerializeToString()


def png(height=8, width=8, channels=3, value=0):
    image = np.full((height, width, channels), value, np.uint8)
    return cv2.imencode(".png", image)[1].tobytes()


def test_of_many_frames_some_are_taken_evenly_and_jpeg_is_red_first():
    red = np.zeros((8, 8, 3), np.uint8)
    images = []
    for value in range(0, 200, 20):
        red[..., 2] = value
        images.append(cv2.imencode(".jpg", red)[1].tobytes())
    clip, _ = decode_clip(example(images), (4, 8, 8, 3))
    np.testing.assert_allclose(clip[:, 0, 0, 0], [0, 60, 120, 180], atol=3)
    assert clip[..., 1:].max() < 5


@pytest.mark.parametrize(
    ("record", "message"),
    [
        (b"garbage" * 9, "not a sequence example"),
        (b"", "not a sequence example"),
        (tf.train.SequenceExample().SerializeToString(), "not a sequence example"),
        (example([]), "not a sequence example"),
        (example([png()]), r"1 frame\(s\), where at least 2"),
        (example([png(), png(9, 8)]), r"frame 1 has height, width, channels \(9, 8, 3\)"),
        (example([png(), png(channels=1)]), r"channels \(8, 8, 1\)"),
        (example([png(), png(channels=4)]), r"channels \(8, 8, 4\)"),
        (example([png(), png()[:40]]), "frame 1 is not a PNG or JPEG image, or damaged"),
        (example([png(), b""]), "frame 1 is not"),
    ],
)
def test_records_that_can_not_be_used(record, message):
    with pytest.raises(ValueError, match=message):
        decode_clip(record, (2, 8, 8, 3))
