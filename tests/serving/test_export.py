import json
import subprocess
import sys
import tempfile
from pathlib import Path

import cv2
import numpy as np
import pytest
import tensorflow as tf
from c_session import CSession, library, tensors_of
from closeness import ROUNDED_PIXELS, assert_close
from tensorflow.core.protobuf import saved_model_pb2
from tensorflow_serving.apis.prediction_log_pb2 import PredictionLog

from rstg_tf.cli import main
from rstg_tf.data.pipeline.clips import Clips
from rstg_tf.data.pipeline.sampling import SAMPLINGS, sample_frames
from rstg_tf.data.shards.sequence_example import encode_image, encode_images
from rstg_tf.models import VideoClassifier
from rstg_tf.serving import edge, encoded, export_model
from rstg_tf.serving.settings import Settings, settings_of

ROOT = Path(__file__).parents[2]
CLIP_SIGNATURES = {"serving_default", "classify", "predict_frames", "serve_examples", "describe"}
STREAM_SIGNATURES = {"init_states", "step", "step_encoded"}


@pytest.fixture(scope="module")
def session(exported):
    return CSession(exported, tensors_of(exported), library())


@pytest.fixture(scope="module")
def video():
    """Ten frames wider than they are high, and larger than the model takes them."""
    frames = np.random.default_rng(1).integers(0, 256, (10, 60, 90, 3), np.uint8)
    return np.stack([cv2.GaussianBlur(frame, (5, 5), 2) for frame in frames])


def warmup_requests(exported):
    path = exported / "assets.extra" / "tf_serving_warmup_requests"
    for record in tf.data.TFRecordDataset(str(path)).as_numpy_iterator():
        request = PredictionLog.FromString(record).predict_log.request
        inputs = {name: tf.make_ndarray(value) for name, value in request.inputs.items()}
        yield request.model_spec, inputs


def test_folder_is_what_a_server_takes(exported, subject):
    assert exported.name == "1"
    assert [path.name for path in exported.parent.iterdir()] == ["1"]
    assert {path.name for path in exported.iterdir()} >= {"saved_model.pb", "variables", "assets"}
    assert (exported / "assets" / "labels.txt").read_text().splitlines() == subject.class_names


def test_signatures_have_readable_names_and_the_batch_first(exported):
    model = saved_model_pb2.SavedModel.FromString((exported / "saved_model.pb").read_bytes())
    (graph,) = model.meta_graphs
    assert "serve" in graph.meta_info_def.tags
    signatures = {k: v for k, v in graph.signature_def.items() if not k.startswith("__")}
    assert set(signatures) == CLIP_SIGNATURES | STREAM_SIGNATURES
    inputs = {name: set(signature.inputs) for name, signature in signatures.items()}
    states = set(signatures["init_states"].outputs)
    assert inputs["serving_default"] == inputs["classify"] == {"clips"}
    assert inputs["predict_frames"] == {"frames"} and inputs["serve_examples"] == {"examples"}
    answers = {"logits", "probabilities", "classes", "scores"}
    for name in ("step", "step_encoded"):
        assert inputs[name] == {"frames"} | states
        assert set(signatures[name].outputs) == answers | states
    assert set(signatures["serving_default"].outputs) == {"logits", "probabilities"}
    for signature in signatures.values():
        for tensor in (*signature.inputs.values(), *signature.outputs.values()):
            assert tensor.tensor_shape.dim[0].size == -1
    # One graph of the model for all signatures of clips and one for a frame.
    products = [
        sum(node.op == "Conv2D" for node in function.node_def)
        for function in graph.graph_def.library.function
    ]
    assert sum(count > 0 for count in products) == 2


def test_a_process_without_tensorflow_or_rstg_tf_gets_the_same(exported, subject, clips, tmp_path):
    rows = np.zeros(2, np.int64)
    np.savez(tmp_path / "given.npz", **{"classify/clips": clips, "init_states/rows": rows})
    script = Path(__file__).with_name("c_session.py")
    tensors = json.dumps(tensors_of(exported))
    command = [script, library(), exported, tensors, tmp_path / "given.npz", tmp_path / "made.npz"]
    subprocess.run([sys.executable, "-I", *map(str, command)], check=True, cwd=tmp_path)
    with np.load(tmp_path / "made.npz", allow_pickle=True) as made:
        expected = subject.model(clips)
        assert_close(made["classify/logits"], expected["logits"])
        assert not made["init_states/sum"].any() and len(made["init_states/sum"]) == 2


def test_likeliest_classes_have_names_and_scores(session, subject, clips):
    found = session.run("classify", {"clips": clips})
    scores = subject.model(clips)["probabilities"].numpy()
    best = np.argsort(-scores, axis=1)[:, :2]
    assert found["classes"].tolist() == [
        [subject.class_names[k].encode() for k in row] for row in best
    ]
    assert_close(found["scores"], np.take_along_axis(scores, best, 1))
    assert_close(found["probabilities"], scores)


@pytest.mark.parametrize("signature", ["step", "step_encoded"])
def test_streaming_gives_the_clips_result(signature, session, clips):
    state = session.run("init_states", {"rows": np.zeros(2, np.int64)})
    for t in range(clips.shape[1]):
        frames = clips[:, t]
        if signature == "step_encoded":
            frames = np.array([png_of(frame, border=4) for frame in frames], object)
        outputs = session.run(signature, {"frames": frames, **state})
        state = {name: outputs[name] for name in state}
    clip = session.run("classify", {"clips": clips})
    for name in ("logits", "probabilities", "scores"):
        assert_close(outputs[name], clip[name])


def test_streams_of_different_age_go_together(session, clips):
    young = session.run("init_states", {"rows": np.zeros(1, np.int64)})
    old = session.run("step", {"frames": clips[:1, 0], **young})
    old = {name: old[name] for name in young}
    together = {name: np.concatenate([young[name], old[name]]) for name in young}
    found = session.run("step", {"frames": clips[:, 1], **together})
    for row, state in enumerate((young, old)):
        alone = session.run("step", {"frames": clips[row : row + 1, 1], **state})
        for name, value in alone.items():
            if value.dtype == np.float32:
                assert_close(found[name][row], value[0])


def png_of(frame, border):
    """The frame with a border that is cut off by the model, without loss."""
    return encode_image(cv2.copyMakeBorder(frame, *[border] * 4, cv2.BORDER_CONSTANT))


def test_encoded_frames_are_made_into_the_clips_of_an_evaluation(session, subject, settings, video):
    images = [encode_image(frame) for frame in video]
    found = session.run("predict_frames", {"frames": np.array([images[:4]] * 2, object)})
    clip = settings.clips.centre(list(video[:4]))
    expected = subject.model(clip[None])["logits"]
    assert_close(found["logits"], np.repeat(expected, 2, axis=0), ROUNDED_PIXELS)


@pytest.mark.parametrize("quality", [None, 90])
@pytest.mark.parametrize("size, short_side", [(32, 40), (64, 70), (50, 60), (60, 60)])
def test_pixels_are_those_of_the_input_pipeline(quality, size, short_side, video):
    clips = Clips(size=size, short_side=short_side, frames=4)
    images = [encode_image(frame, quality) for frame in video[:4]]
    found = encoded.decode_frames(tf.constant(images), "frames", 3, Settings(clips)).numpy()
    decoded = [
        cv2.imdecode(np.frombuffer(image, np.uint8), cv2.IMREAD_COLOR_RGB) for image in images
    ]
    error = np.abs(found.astype(int) - clips.centre(decoded))
    assert error.max() <= 1 if quality is None else error.mean() < 0.5


def test_examples_are_sampled_as_in_evaluation(session, subject, settings, video):
    record = encode_images([encode_image(f) for f in video], "png", (60, 90), 1, "a", "v", 12.0)
    found = session.run("serve_examples", {"examples": np.array([record], object)})
    clip = np.empty(settings.clips.shape, np.uint8)
    settings.clips.read(record, clip)
    assert_close(found["logits"], subject.model(clip[None])["logits"], ROUNDED_PIXELS)


@pytest.mark.parametrize("sampling", SAMPLINGS)
def test_sampling_in_the_graph_is_numpys(sampling):
    for frames, stride in ((16, 1), (7, 3)):
        clips = Clips(frames=frames, sampling=sampling, stride=stride)
        sample = tf.function(lambda count, clips=clips: encoded.sample_frames(count, clips))
        for count in (*range(1, 200), 1001):
            expected = sample_frames(count, frames, sampling, stride)
            assert sample(tf.constant(count)).numpy().tolist() == expected.tolist(), count


def test_warm_up_asks_every_signature_and_is_answered(exported, session):
    asked = set()
    for spec, inputs in warmup_requests(exported):
        assert spec.name == "tiny"
        assert session.run(spec.signature_name, inputs)
        asked.add(spec.signature_name)
    assert asked == CLIP_SIGNATURES | STREAM_SIGNATURES


def test_description_says_what_clips_the_model_takes(session, subject):
    found = session.run("describe", {"rows": np.zeros(1, np.int64)})
    assert (found["frames"][0], found["size"][0], found["short_side"][0]) == (4, 32, 40)
    assert found["labels"][0].tolist() == [name.encode() for name in subject.class_names]


def test_models_that_look_at_whole_clips_can_not_stream():
    head = {"scales": (1,), "node_dim": 4, "message_dim": 4, "iterations": 1, "norm": "clip"}
    model = VideoClassifier(3, backbone_options={"filters": (4,)}, head_options=head)
    assert not model.streams


def test_settings_are_checked(subject):
    for wrong in ({"size": 8}, {"top": 0}, {"max_frames": 3}, {"frames": 1}):
        with pytest.raises(ValueError, match=f"Received: {next(iter(wrong))}="):
            settings_of(subject, **{"frames": 4, "size": 32, **wrong})


@pytest.mark.parametrize(
    "arguments, message",
    [
        (["interactions_rsg"], "interactions_rstg"),
        (["interactions_rstg", "--version=0"], "must be positive. Received: 0"),
        (["interactions_rstg", "--keep=0"], "Received: keep=0"),
        (["interactions_rstg", "--format=onnx"], "must not be there"),
    ],
)
def test_command_tells_bad_input_in_a_line(arguments, message, tmp_path, monkeypatch, capsys):
    (tmp_path / "interactions_rstg-onnx").mkdir()
    monkeypatch.chdir(ROOT)
    with pytest.raises(SystemExit) as ended:
        main(["export", *arguments, f"--output={tmp_path}"])
    assert ended.value.code == 2
    told = capsys.readouterr().err
    assert told.startswith("error: ") and message in told
    assert [path.name for path in tmp_path.iterdir()] == ["interactions_rstg-onnx"]


def test_a_disk_without_room_is_named_before_the_work(subject, settings, small_disk, monkeypatch):
    exports = {"serving": export_model, "tflite": edge.export_tflite, "onnx": edge.export_onnx}
    for name, export in exports.items():
        with pytest.raises(OSError, match=f"The disk must have .*{small_disk}"):
            export(subject, settings, small_disk / name)
    monkeypatch.setattr(tempfile, "tempdir", str(small_disk))
    with pytest.raises(OSError, match=f"The disk must have .*{small_disk}"):
        edge.export_tflite(subject, settings, small_disk.parent / "tflite")
    assert not list(small_disk.iterdir())


@pytest.mark.slow
def test_published_model_is_exported_by_one_command(tmp_path):
    command = [sys.executable, "exports/export.py", "interactions_rstg", f"--output={tmp_path}"]
    done = subprocess.run(command, check=True, cwd=ROOT, capture_output=True, text=True)
    path = tmp_path / "interactions_rstg" / "1"
    assert done.stdout.strip() == f"wrote {path}"
    session = CSession(path, tensors_of(path), library())
    assert all(session.run(spec.signature_name, inputs) for spec, inputs in warmup_requests(path))


@pytest.mark.slow
def test_video_resnet_with_graphs_is_exported(tmp_path, subject):
    graph = {"node_dim": 8, "message_dim": 8, "iterations": 1}
    model = VideoClassifier(
        3,
        backbone="video_resnet",
        backbone_options={"width": 0.0625, "graphs": ("res3", "res4"), "graph_options": graph},
        head="average",
    )
    assert not model.streams
    subject = subject._replace(model=model)
    path = export_model(subject, settings_of(subject, frames=4, size=32), tmp_path / "resnet")
    session = CSession(path, tensors_of(path), library())
    assert set(session.signatures) == CLIP_SIGNATURES
    clips = np.random.default_rng(0).integers(0, 256, (2, 8, 40, 48, 3), np.uint8)
    found = session.run("serving_default", {"clips": clips})
    assert_close(found["logits"], model(clips)["logits"])
