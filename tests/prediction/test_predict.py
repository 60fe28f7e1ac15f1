import dataclasses
import json
import pathlib
import subprocess
import sys

import av
import numpy as np
import pytest
from closeness import assert_close

import rstg_tf
from rstg_tf.cli.predict import annotated_paths
from rstg_tf.data.synthetic.interactions import Interactions
from rstg_tf.data.videos import decode_video
from rstg_tf.evaluation.subject import load_subject
from rstg_tf.prediction import Predictor, find_videos, write_annotated

ROOT = pathlib.Path(__file__).parents[2]
CLIPS, LABELS = Interactions(split="test", seed=5).batch(range(3))


def write_video(path, clip, rate=12):
    """Lossless, so that the model sees in the file what it would see in the clip."""
    with av.open(str(path), "w") as file:
        stream = file.add_stream("libx264rgb", rate=rate, options={"crf": "0"})
        stream.height, stream.width, stream.pix_fmt = *clip.shape[1:3], "rgb24"
        for frame in clip:
            file.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        file.mux(stream.encode())


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Two videos, one of them in a folder below, and a file that only looks like one."""
    made = tmp_path_factory.mktemp("videos")
    (made / "below").mkdir()
    write_video(made / "one.mkv", CLIPS[0])
    write_video(made / "below" / "one.mkv", CLIPS[1])
    (made / "notes.txt").write_text("no video")
    return made


@pytest.fixture(scope="module")
def predictor():
    return Predictor("interactions_rstg", top=3)


def predict(*arguments):
    return subprocess.run(
        [sys.executable, "pipelines/predict.py", *map(str, arguments)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_file_gives_what_its_clip_gives(folder, predictor):
    prediction = predictor(folder / "one.mkv")
    np.testing.assert_array_equal(prediction.clip, CLIPS[0])
    scores = predictor.model(CLIPS[:1])["probabilities"].numpy()[0]
    names = load_subject("interactions_rstg").class_names
    best = np.argsort(-scores)[:3]
    assert [name for name, _ in prediction.classes] == [names[index] for index in best]
    assert_close([p for _, p in prediction.classes], scores[best])
    assert prediction.count == 16


def test_clips_and_batches_of_them_go_to_the_model_as_they_are(predictor):
    alone, batch = predictor(CLIPS[0]), predictor(CLIPS)
    assert [len(one.classes) for one in batch] == [3, 3, 3]
    assert alone.classes[0].name == batch[0].classes[0].name == Interactions.class_names[LABELS[0]]
    assert_close(alone.classes[0].probability, batch[0].classes[0].probability)
    np.testing.assert_array_equal(batch[2].clip, CLIPS[2])
    for wrong in (CLIPS[0, 0], CLIPS.astype(np.float32)):
        with pytest.raises(ValueError, match=r"uint8 \[T, H, W, C\] or \[B, T, "):
            predictor(wrong)


def test_longer_and_wider_videos_are_sampled_evenly_and_cut_in_the_middle(tmp_path, predictor):
    video = np.zeros((31, 64, 96, 3), np.uint8)
    video[:, :, :16] = video[:, :, -16:] = 255
    video[..., 1] = 4 * np.arange(31)[:, None, None]
    write_video(tmp_path / "wide.mkv", video)
    prediction = predictor(tmp_path / "wide.mkv")
    assert prediction.numbers.tolist() == list(range(0, 31, 2))
    np.testing.assert_array_equal(prediction.clip, video[::2, :, 16:-16])


def test_a_model_of_logits_alone_gives_probabilities(folder):
    subject = load_subject("interactions_mean")
    logits = subject._replace(model=lambda clips: {"logits": subject.model(clips)["logits"]})
    expected, found = (Predictor(s, top=20)(folder / "one.mkv") for s in (subject, logits))
    assert [name for name, _ in found.classes] == [name for name, _ in expected.classes]
    assert_close([p for _, p in found.classes], [p for _, p in expected.classes])


def test_names_stand_for_files_folders_and_patterns(folder):
    both = [folder / "below" / "one.mkv", folder / "one.mkv"]
    assert find_videos([folder]) == both
    assert find_videos([folder / "**" / "*.mkv"]) == both
    assert find_videos([folder / "one.mkv", folder]) == both[::-1]
    with pytest.raises(FileNotFoundError, match=r"Received: '.*nothing\.mp4', which names none"):
        find_videos([folder / "nothing.mp4"])


@pytest.mark.parametrize("model", ["interactions_rstg", "interactions_mean"])
def test_annotated_video_has_every_frame_and_more_in_it(model, folder, tmp_path):
    predictor = Predictor(model)
    prediction = predictor(folder / "one.mkv")
    attention = predictor.attention(prediction.clip)
    assert (attention is None) == (model == "interactions_mean")
    graph = None if attention is None else predictor.model.block.graph
    output = tmp_path / "annotated.mp4"
    write_annotated(prediction, output, predictor.clips, graph, attention)
    frames, rate = decode_video(output)
    assert frames.shape == (16, 360, 360, 3)
    assert rate == pytest.approx(12)
    # Arrows in the lower half change from frame to frame, where there is a graph.
    plain, _ = decode_video(folder / "one.mkv", short_side=360)
    drawn = np.abs(frames[:, 200:].astype(int) - plain[:, 200:]).max(axis=-1) > 60
    assert (drawn.mean() > 0.005) == (attention is not None)


@pytest.mark.parametrize("size", [(1, 64), (64, 1), (3, 1), (20, 2000)])
def test_annotation_at_any_shape(size, tmp_path, predictor):
    path = tmp_path / ("a long name " * 15 + ".nut")
    frames = np.random.default_rng(0).integers(0, 256, (3, *size, 3), np.uint8)
    with av.open(str(path), "w") as file:
        stream = file.add_stream("rawvideo", rate=12)
        stream.height, stream.width, stream.pix_fmt = *size, "rgb24"
        for frame in frames:
            file.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        file.mux(stream.encode())
    prediction = predictor(path)
    names = ["a name " * 200, "\U0001f600 שלום 名前 $x$"]
    prediction = dataclasses.replace(prediction, classes=[(name, 1.0) for name in names])
    attention = predictor.attention(prediction.clip)
    output = tmp_path / "annotated.mp4"
    write_annotated(prediction, output, predictor.clips, predictor.model.block.graph, attention)
    drawn = decode_video(output).frames
    assert len(drawn) == 3
    assert min(drawn.shape[1:3]) >= 2 and max(drawn.shape[1:3]) <= 8192


def test_command_writes_json_lines_and_videos_and_goes_on_after_a_damaged_file(folder, tmp_path):
    (tmp_path / "broken.mp4").write_bytes(b"no video at all")
    done = predict(
        "model_zoo/interactions_rstg", tmp_path / "broken.mp4", folder,
        "--format=json", "--top=2", f"--annotate={tmp_path / 'out'}",
    )  # fmt: skip
    assert done.returncode == 2
    note, error, summary = done.stderr.splitlines()
    assert note == f"note: left out: 1 .txt ({folder / 'notes.txt'})"
    assert error.startswith("error: The video can't be decoded")
    assert summary == "1 of 3 videos could not be read"
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert [line["video"] for line in lines] == list(map(str, find_videos([folder])))
    assert all(line["frames"] == 16 and len(line["classes"]) == 2 for line in lines)
    assert lines[0]["classes"][0]["class"] == Interactions.class_names[LABELS[1]]
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["one-1.mp4", "one.mp4"]


def test_bad_input_is_told_in_a_line(folder, tmp_path):
    with pytest.raises(ValueError, match=r"ends in one of \.mp4, \.mkv, \.webm"):
        write_annotated(None, tmp_path / "out.txt", None)
    subject = load_subject("interactions_rstg")
    with pytest.raises(ValueError, match=r"say which clips it takes \(--frames, --size\)"):
        Predictor(subject._replace(config=None))
    gray = rstg_tf.models.VideoClassifier(3, channels=1, head_options={"node_dim": 8})
    with pytest.raises(ValueError, match="the model takes 1"):
        Predictor(subject._replace(model=gray))(folder / "one.mkv")


def test_annotated_videos_take_no_place_that_is_taken(tmp_path):
    videos = [tmp_path / name for name in ("a.webm", "a-1.webm", "b/a.mkv", "b/c.mp4")]
    paths = annotated_paths(tmp_path / "out", videos)
    assert [paths[video].name for video in videos] == ["a.mp4", "a-1.mp4", "a-2.mp4", "c.mp4"]
    with pytest.raises(ValueError, match=r"--annotate needs another folder.*b/c\.mp4"):
        annotated_paths(f"{tmp_path}/out/../b", videos)
