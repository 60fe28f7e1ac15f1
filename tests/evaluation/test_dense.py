import json

import numpy as np
import pytest
import tensorflow as tf
import whole_videos
from closeness import REFERENCE, assert_close

from rstg_tf.data.pipeline.clips import Clips
from rstg_tf.evaluation import measure
from rstg_tf.evaluation.measure import DenseViews
from rstg_tf.evaluation.subject import Subject


class Model(tf.keras.Model):
    """Logits that depend on place and time, and not linearly."""

    def __init__(self):
        super().__init__()
        self.sizes = []

    def call(self, clips):
        self.sizes.append(clips.shape[0])
        values = tf.cast(clips, tf.float32) / 255
        logits = tf.stack([values[:, 0, 0, 0, 0], values[:, -1, -1, -1, 1], values[:, 1, 2, 3, 2]])
        return {"logits": tf.transpose(logits**2)}


def naive_logits(model, video, clips):
    """All 22 views one by one, from their formulas."""
    n, t, side = len(video), clips.frames, clips.short_side
    step = (n - 1) / (t - 1)
    scores = []
    for shift in (0, step / 2):
        numbers = [min(n - 1, int(np.linspace(0, n - 1, t)[k] + shift)) for k in range(t)]
        for k in range(11):
            room = max(video.shape[1:3]) - side
            start = round(k * room / 10)
            rows, columns = slice(0, side), slice(start, start + side)
            if video.shape[1] > video.shape[2]:
                rows, columns = columns, rows
            view = video[numbers, rows, columns]
            scores.append(model(view[None])["logits"][0])
    return np.mean(scores, axis=0)


@pytest.mark.parametrize("size", [(16, 35), (35, 16), (16, 16)])
@pytest.mark.parametrize("batch_size", [1, 5, 32])
def test_logits_are_the_mean_over_all_views(size, batch_size):
    video = whole_videos.smooth_video(9, *size)
    clips = Clips(frames=4, size=12, short_side=16)
    record = whole_videos.encode_video(video, 0, "x")
    frames, _ = clips.read_whole_frames(record)
    # The video as it comes out of JPEG.
    video = Clips(frames=9, size=12, short_side=16).read_whole_frames(record)[0][0]
    model = Model()
    dense = tf.function(DenseViews(model, batch_size))
    found = dense(tf.constant(frames[None]))
    assert set(model.sizes) == {{1: 1, 5: 2, 32: 22}[batch_size]}
    assert_close(found[0], naive_logits(model, video, clips), REFERENCE)


@pytest.fixture
def folder(tmp_path):
    whole_videos.write_videos(tmp_path / "set", "test", count=5, shards=2, size=(40, 60))
    return tmp_path / "set"


def subject(tmp_path):
    return Subject("model", Model(), None, None, tmp_path)


def test_the_protocol_is_recorded(folder, tmp_path):
    options = {"data": folder, "clips": "frames=4,size=16,short_side=20", "progress": False}
    single = measure(subject(tmp_path), **options)
    dense = measure(subject(tmp_path), views="dense", batch_size=4, **options)
    assert single.details["protocol"] == (
        "one view a video: 4 frames (uniform), centre crop of 16x16 at short side 20"
    )
    assert dense.details["protocol"] == (
        "dense: 11 crops of 20x20 along the long side x 2 samplings of 4 frames in time, "
        "logits averaged"
    )
    assert single.details["data"]["clip_shape"] == [4, 16, 16, 3]
    assert dense.details["data"]["clip_shape"] == [4, 20, 20, 3]
    assert dense.details["data"]["clips"]["frames"] == 4
    assert len(dense.labels) == 5
    json.dumps(dense.details)


def test_damaged_videos_are_left_out_of_the_figures(folder, tmp_path):
    path = folder / "videos-test-00001-of-00002.tfrecord"
    content = bytearray(path.read_bytes())
    content[200] ^= 0xFF
    path.write_bytes(content)
    options = {"data": folder, "progress": False, "on_corrupt": "skip"}
    for views in ("single", "dense"):
        report = measure(subject(tmp_path), views=views, **options)
        assert len(report.labels) == 4
        assert report.details["data"]["skipped_records"] == 1


def test_generated_clips_have_one_view(tmp_path):
    with pytest.raises(ValueError, match=r"needs shards of videos.*Received: interactions"):
        measure(subject(tmp_path), data="interactions", views="dense")
    with pytest.raises(ValueError, match="--eval must be one of"):
        measure(subject(tmp_path), data="interactions", views="many")
