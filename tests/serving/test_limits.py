"""What a request may cost, and what an answer never is: checked inside of the exported graph."""

import io
import itertools
import struct
import zlib

import cv2
import numpy as np
import pytest
import tensorflow as tf
from c_session import CSession, TensorFlowError, library, tensors_of
from closeness import ROUNDED_PIXELS, assert_close
from PIL import Image

from rstg_tf.data.pipeline.clips import Clips
from rstg_tf.data.shards.sequence_example import encode_image, encode_images
from rstg_tf.models import VideoClassifier
from rstg_tf.serving import encoded
from rstg_tf.serving.settings import Settings, settings_of
from rstg_tf.serving.signatures import make_signatures

SETTINGS = Settings(Clips(frames=4, size=32, short_side=40))


@pytest.fixture(scope="module")
def session(exported):
    return CSession(exported, tensors_of(exported), library())


@pytest.fixture(scope="module")
def decode():
    """Bytes of a frame to what the model sees of it."""
    decode = tf.function(lambda images: encoded.decode_frames(images, "frames", 3, SETTINGS))
    decode = decode.get_concrete_function(tf.TensorSpec([None], tf.string))
    return lambda *images: decode(tf.constant(images)).numpy()


@pytest.fixture(scope="module")
def picture():
    noise = np.random.default_rng(0).integers(0, 256, (60, 90, 3), np.uint8)
    return cv2.GaussianBlur(noise, (5, 5), 2)


def tiff(orientation, order, kind=3):
    """EXIF with a maker's name, the orientation, and another number."""
    first = (b"II" if order == "<" else b"MM") + struct.pack(f"{order}HIH", 42, 8, 3)
    entries = struct.pack(f"{order}HHI4s", 0x010F, 2, 4, b"cam\0")
    number = "HH" if kind == 3 else "I"
    values = (orientation, 0) if kind == 3 else (orientation,)
    entries += struct.pack(f"{order}HHI{number}", 0x0112, kind, 1, *values)
    entries += struct.pack(f"{order}HHIHH", 0x0128, 3, 1, 2, 0)
    return first + entries + bytes(4)


def segment(marker, content):
    return struct.pack(">BBH", 0xFF, marker, len(content) + 2) + content


def chunk(kind, content):
    return (
        struct.pack(">I4s", len(content), kind)
        + content
        + struct.pack(">I", zlib.crc32(kind + content))
    )


def with_exif(image, content, place="first"):
    """The same JPEG or PNG with EXIF."""
    if image[:2] == b"\xff\xd8":
        at = 2 if place == "first" else 20  # Behind the header of JFIF.
        return image[:at] + segment(0xE1, b"Exif\0\0" + content) + image[at:]
    at = 33 if place == "first" else len(image) - 12
    return image[:at] + chunk(b"eXIf", content) + image[at:]


def seen_by_opencv(image):
    """The frame as training and evaluation take it."""
    frame = cv2.imdecode(np.frombuffer(image, np.uint8), cv2.IMREAD_COLOR_RGB)
    return SETTINGS.clips.centre([frame] * 4)[0].astype(int)


@pytest.mark.parametrize("ending, place", itertools.product([".jpg", ".png"], ["first", "later"]))
def test_exif_turns_frames_as_in_training(ending, place, picture, decode):
    image = cv2.imencode(ending, picture)[1].tobytes()
    upright = seen_by_opencv(image)
    for order, orientation in itertools.product("<>", range(10)):
        changed = with_exif(image, tiff(orientation, order), place)
        (found,) = decode(changed)
        assert np.abs(found - seen_by_opencv(changed)).mean() < 0.5, (order, orientation)
        assert (np.abs(found - upright).mean() > 5) == (2 <= orientation <= 8)


def test_a_clip_may_hold_frames_of_each_orientation(session, picture, clips):
    jpeg = encode_image(picture, 95)
    images = [with_exif(jpeg, tiff(orientation, ">")) for orientation in range(1, 9)]
    found = session.run("predict_frames", {"frames": np.array([images], object)})
    expected = np.stack([seen_by_opencv(image) for image in images]).astype(np.uint8)
    wanted = session.run("classify", {"clips": expected[None]})
    assert_close(found["logits"], wanted["logits"], ROUNDED_PIXELS)
    record = encode_images(images[:4], "jpeg", (60, 90), 1, "a", "v", 12.0)
    found = session.run("serve_examples", {"examples": np.array([record], object)})
    wanted = session.run("classify", {"clips": expected[None, :4]})
    assert_close(found["logits"], wanted["logits"], ROUNDED_PIXELS)


def test_damaged_exif_is_read_within_its_bounds(picture, decode):
    rng = np.random.default_rng(2)
    image, good = cv2.imencode(".jpg", picture)[1].tobytes(), tiff(6, "<")
    damaged = [good[:length] for length in range(0, len(good), 3)]
    for _ in range(150):
        changed = bytearray(good)
        for place in rng.integers(0, len(good), 3):
            changed[place] = rng.choice([0, 1, 8, 255, rng.integers(256)])
        damaged.append(bytes(changed))
    for number, content in enumerate(damaged):
        (found,) = decode(with_exif(image, content))
        turns = [
            seen_by_opencv(with_exif(image, tiff(orientation, "<"))) for orientation in (1, 6)
        ] + [seen_by_opencv(with_exif(image, content))]
        assert min(np.abs(found - turn).mean() for turn in turns) < 0.5, (number, content)
    # The length of a segment that leads behind the end.
    for size in (b"\xff\xff", b"\x00\x00", b"\x00\x01"):
        broken = image[:2] + b"\xff\xe1" + size + image[2:]
        with pytest.raises(tf.errors.InvalidArgumentError, match="frames"):
            decode(broken[:40])


def flat(side, ending=".png"):
    return cv2.imencode(ending, np.zeros((side, side, 3), np.uint8))[1].tobytes()


def test_pixels_of_a_request_are_limited_before_decoding(session):
    image = flat(4096)
    assert len(image) < 200_000
    for signature, name, value in (
        ("predict_frames", "frames", np.array([[image] * 16], object)),
        ("predict_frames", "frames", np.array([[image, image]] * 8, object)),
        ("serve_examples", "examples", np.array([examples_of([image] * 4)] * 4, object)),
    ):
        with pytest.raises(TensorFlowError, match=f"{name} must hold at most 256 million pixels"):
            session.run(signature, {name: value})
    state = session.run("init_states", {"rows": np.zeros(16, np.int64)})
    with pytest.raises(TensorFlowError, match="frames must hold at most 256 million"):
        session.run("step_encoded", {"frames": np.array([image] * 16, object), **state})
    assert session.run("predict_frames", {"frames": np.array([[image] * 2], object)})


def examples_of(images):
    return encode_images(images, "png", (32, 32), 1, "a", "v", 12.0)


def test_pixels_that_the_model_sees_are_limited(subject):
    settings = settings_of(subject, frames=4, size=32, short_side=40, max_clip_megapixels=1)
    traced = make_signatures(subject.model, subject.class_names, settings)
    large = tf.zeros([4, 4, 256, 256, 3], tf.uint8)
    with pytest.raises(tf.errors.InvalidArgumentError, match="clips must be at most 1 million"):
        traced["classify"](large)
    tiny = tf.fill([64, 16], flat(1))
    with pytest.raises(tf.errors.InvalidArgumentError, match="frames must be at most 1 million"):
        traced["predict_frames"](tiny)
    state = traced["init_states"](tf.zeros([20], tf.int64))
    with pytest.raises(tf.errors.InvalidArgumentError, match="frames must be at most 1 million"):
        traced["step"](frames=tf.zeros([20, 256, 256, 3], tf.uint8), **state)
    for wrong in ({"max_megapixels": 0}, {"max_clip_megapixels": -1}, {"max_megapixels": 2**60}):
        with pytest.raises(ValueError, match=f"Received: {next(iter(wrong))}="):
            settings_of(subject, frames=4, size=32, **wrong)


def test_small_files_that_take_long_are_refused(decode):
    """Scans of a JPEG go over all pixels each; texts of a PNG unfold to thousand times a byte."""
    file = io.BytesIO()
    Image.new("RGB", (2048, 2048)).save(file, "jpeg", progressive=True)
    image = file.getvalue()
    last = image[image.rindex(b"\xff\xda") : -2]
    assert decode(image).shape == (1, 32, 32, 3)  # Ten scans are usual.
    slow = image[:-2] + last * 1000 + image[-2:]
    assert len(slow) < 100_000
    png, text = flat(32), zlib.compress(bytes(7_900_000), 9)
    texts = {b"zTXt": b"k\0\0" + text, b"iTXt": b"k\0\1\0\0\0" + text}
    assert decode(png[:33] + chunk(b"zTXt", texts[b"zTXt"]) + png[33:]).shape == (1, 32, 32, 3)
    bombs = [png[:33] + chunk(kind, text) * 40 + png[33:] for kind, text in texts.items()]
    bombs += [png[:-12] + chunk(kind, text) * 40 + png[-12:] for kind, text in texts.items()]
    for bomb in (slow, *bombs):
        with pytest.raises(tf.errors.InvalidArgumentError, match="at most 256 million pixels"):
            decode(bomb)
    many = png[:33] + chunk(b"zTXt", b"k\0\0") * 5000 + png[33:]
    with pytest.raises(tf.errors.InvalidArgumentError, match="at most 4096 chunks"):
        decode(many)
    profile = chunk(b"iCCP", b"k\0\0" + zlib.compress(bytes(3000)))
    assert decode(*[png[:33] + profile + png[33:]] * 64).shape == (64, 32, 32, 3)


@pytest.mark.parametrize("kind", ["gif", "bmp", "webp", "tiff", "ppm"])
def test_other_formats_are_refused(kind, session):
    file = io.BytesIO()
    Image.new("RGB", (32, 32)).save(file, kind)
    with pytest.raises(TensorFlowError, match="frames must hold JPEG or PNG images"):
        session.run("predict_frames", {"frames": np.array([[file.getvalue()] * 2], object)})


def states_of_all_sizes(fresh, count, seed=0):
    """Yields states with a few odd numbers in one or all of the tensors."""
    rng = np.random.default_rng(seed)
    for number in range(count):
        state = {name: value.copy() for name, value in fresh.items()}
        names = sorted(state) if number % 2 else [rng.choice(sorted(state))]
        for name in names:
            largest = float(np.finfo(state[name].dtype).max)
            size = min(largest, 10.0 ** rng.uniform(-40, 38.5))
            odd = rng.choice([size, -size, largest, -largest, np.inf, np.nan, 0, 1, -1, 1e-45])
            where = rng.random(state[name].shape) < rng.choice([0.02, 0.5, 1])
            state[name][where] = odd
        yield state


def test_an_answer_is_never_nan(session, clips):
    fresh = session.run("init_states", {"rows": np.zeros(2, np.int64)})
    image = encode_image(clips[0, 0])
    refused = 0
    for number, state in enumerate(states_of_all_sizes(fresh, 400)):
        encoded = number % 4 == 0
        signature = "step_encoded" if encoded else "step"
        frames = np.array([image] * 2, object) if encoded else clips[:, 0]
        try:
            found = session.run(signature, {"frames": frames, **state})
        except TensorFlowError as error:
            assert error.code == "INVALID_ARGUMENT"
            assert any(name in str(error) for name in state), error
            refused += 1
            continue
        for name, value in found.items():
            assert name == "classes" or np.isfinite(value).all(), (number, name)
        assert (np.abs(found["probabilities"].sum(axis=1) - 1) < 1e-3).all()
    assert 100 < refused < 390
    for name in fresh:  # What a stream may well come to.
        grown = {**fresh, name: np.full_like(fresh[name], 1000)}
        assert session.run("step", {"frames": clips[:, 0], **grown})
    with pytest.raises(TensorFlowError, match="frames_seen must not be negative"):
        session.run(
            "step",
            {"frames": clips[:, 0], **fresh, "frames_seen": np.float32([[-1], [0]])},
        )


def test_models_of_half_precision_do_not_overflow_unseen(subject, clips):
    tf.keras.mixed_precision.set_global_policy("mixed_float16")
    try:
        model = VideoClassifier(
            3,
            norm="none",  # oneDNN has none of half precision.
            backbone_options={"filters": (4, 8)},
            head_options={"scales": (1,), "node_dim": 8, "message_dim": 8, "final": "mean"},
        )
    finally:
        tf.keras.mixed_precision.set_global_policy("float32")
    settings = settings_of(subject, frames=4, size=32, short_side=40)
    traced = make_signatures(model, subject.class_names, settings)
    fresh = traced["init_states"](tf.zeros([2], tf.int64))
    fresh = {name: value.numpy() for name, value in fresh.items()}
    assert np.float16 in {value.dtype.type for value in fresh.values()}
    answered = refused = 0
    for state in states_of_all_sizes(fresh, 150):
        state = {name: tf.constant(value) for name, value in state.items()}
        try:
            found = traced["step"](frames=tf.constant(clips[:, 0]), **state)
        except tf.errors.InvalidArgumentError as error:
            assert any(name in error.message for name in state)
            refused += 1
            continue
        answered += 1
        assert all(np.isfinite(value).all() for name, value in found.items() if name != "classes")
    assert answered > 10 and refused > 10


def test_weights_that_are_not_finite_give_no_answer(subject, clips):
    model = VideoClassifier(
        3, backbone_options={"filters": (4,)}, head="average", preprocessing="unit"
    )
    model.classifier.bias.assign([np.nan, 0, 0])
    settings = settings_of(subject, frames=4, size=32, short_side=40)
    traced = make_signatures(model, subject.class_names, settings)
    with pytest.raises(tf.errors.InvalidArgumentError, match="clips must be such that"):
        traced["classify"](tf.constant(clips))
