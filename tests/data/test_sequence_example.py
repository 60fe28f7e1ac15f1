import io
import struct
import zlib

import cv2
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from rstg_tf.data.pipeline.clips import Clips
from rstg_tf.data.shards.sequence_example import decode_clip, encode_clip
from rstg_tf.data.synthetic.interactions import Interactions
from rstg_tf.data.synthetic.syncmnist import SyncMNIST

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
    assert np.abs(clip[:, 0, 0, 0] - [0.0, 60, 120, 180]).max() <= 3  # JPEG loses a little.
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


# --------------------------------------------------------------------- orientation and size


def jpeg(image, orientation=None, **options):
    exif = Image.Exif()
    if orientation:
        exif[0x112] = orientation
    file = io.BytesIO()
    Image.fromarray(image).save(file, "JPEG", exif=exif.tobytes(), quality=95, **options)
    return file.getvalue()


# What has to be done to the stored frame, as the standard of EXIF says.
UPRIGHT = {
    1: lambda stored: stored,
    2: lambda stored: stored[:, ::-1],
    3: lambda stored: stored[::-1, ::-1],
    4: lambda stored: stored[::-1],
    5: lambda stored: stored.transpose(1, 0, 2),
    6: lambda stored: np.rot90(stored, -1),
    7: lambda stored: stored[::-1, ::-1].transpose(1, 0, 2),
    8: lambda stored: np.rot90(stored),
}


@pytest.mark.parametrize("orientation", UPRIGHT)
def test_all_readers_turn_frames_upright(orientation):
    rng = np.random.default_rng(0)
    stored = cv2.resize(rng.integers(0, 256, (4, 6, 3), np.uint8), (48, 32))
    plain = np.asarray(Image.open(io.BytesIO(jpeg(stored))))
    wanted = UPRIGHT[orientation](plain)
    record = example([jpeg(stored, orientation)] * 2)
    clip, _ = decode_clip(record, (2, *wanted.shape))
    clips = Clips(frames=2, size=32, short_side=32, brightness=0)
    evaluated, trained = np.empty((2, 2, 32, 32, 3), np.uint8)
    clips.read(record, evaluated)
    clips.read(record, trained, np.random.default_rng(0))
    dense, _ = clips.read_whole_frames(record)
    middle = wanted[:32, 8:40] if wanted.shape[1] == 48 else wanted[8:40]
    for ours, expected in ((clip, wanted), (dense[0], wanted), (evaluated, middle)):
        assert np.abs(ours.astype(int) - expected).max() <= 3
    # A crop in training is some part of the upright frame.
    long = max(wanted.shape)
    parts = [
        wanted[:, k : k + 32] if wanted.shape[1] == long else wanted[k : k + 32] for k in range(17)
    ]
    assert min(np.abs(trained[0].astype(int) - part).max() for part in parts) <= 3


def flat_png(width, height):
    """A PNG that claims a size and has next to no pixels."""

    def chunk(kind, content):
        checked = kind + content
        return struct.pack(">I", len(content)) + checked + struct.pack(">I", zlib.crc32(checked))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    pixels = chunk(b"IDAT", zlib.compress(b""))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + pixels + chunk(b"IEND", b"")


def sized_jpeg(width, height, **options):
    """A small JPEG whose header claims another size."""
    content = jpeg(np.zeros((8, 8, 3), np.uint8), **options)
    kind = b"\xff\xc2" if options.get("progressive") else b"\xff\xc0"
    place = content.index(kind) + 5
    return content[:place] + struct.pack(">HH", height, width) + content[place + 4 :]


@pytest.mark.parametrize(
    ("image", "message"),
    [
        (sized_jpeg(60_000, 50_000), "60000 x 50000 pixels, where 33554432 are read at most"),
        (flat_png(60_000, 50_000), "60000 x 50000 pixels"),
        (flat_png(2**31 - 1, 1), "2147483647 x 1 pixels"),
        (sized_jpeg(0, 8), "not a PNG or JPEG"),
        (b"\xff\xd8\xff" + b"\xff" * 99, "not a PNG or JPEG"),
        (b"\xff\xd8\xff\xe0\x00\x00" * 9, "not a PNG or JPEG"),
        (cv2.imencode(".bmp", np.zeros((8, 8, 3), np.uint8))[1].tobytes(), "not a PNG or JPEG"),
        (
            sized_jpeg(5000, 5000, progressive=True)[:-2]
            + b"\xff\xda\x00\x08\x01\x01\x00\x01\x01\x00" * 300,
            "not a PNG or JPEG",
        ),
    ],
)
def test_frames_that_claim_too_much_are_refused_before_they_are_decoded(image, message):
    record = example([image] * 2)
    clips = Clips(frames=2, size=8, short_side=8)
    for read in (
        lambda: clips.read(record, np.empty(clips.shape, np.uint8)),
        lambda: clips.read_whole_frames(record),
        lambda: decode_clip(record, (2, 8, 8, 3)),
    ):
        with pytest.raises(ValueError, match=message):
            read()


def test_the_largest_frame_can_be_changed(monkeypatch):
    record = example([png(100, 100)] * 2)
    monkeypatch.setenv("RSTG_TF_MAX_FRAME_PIXELS", "9999")
    with pytest.raises(ValueError, match=r"100 x 100 .* at most \(RSTG_TF_MAX_FRAME_PIXELS\)"):
        decode_clip(record, (2, 100, 100, 3))
    monkeypatch.setenv("RSTG_TF_MAX_FRAME_PIXELS", "10000")
    decode_clip(record, (2, 100, 100, 3))
    monkeypatch.setenv("RSTG_TF_MAX_FRAME_PIXELS", "many")
    with pytest.raises(ValueError, match="RSTG_TF_MAX_FRAME_PIXELS must be a number"):
        decode_clip(record, (2, 100, 100, 3))


def test_a_strip_of_pixels_does_not_grow():
    record = example([png(1, 200_000)] * 2)
    with pytest.raises(ValueError, match="which is too large"):
        Clips(frames=2, size=224, short_side=256).read_whole_frames(record)
