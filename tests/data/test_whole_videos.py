"""The input pipeline over shards of videos that are stored whole."""

import json
import os

import numpy as np
import pytest
import tensorflow as tf
import whole_videos
from closeness import assert_close

from rstg_tf.data.input import evaluation_dataset, training_dataset, whole_frames_dataset
from rstg_tf.data.pipeline.clips import Clips
from rstg_tf.data.shards.sequence_example import encode_image, encode_images
from rstg_tf.data.shards.source import Shards

OPTIONS = {"frames": 4, "size": 16, "short_side": 18}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("whole")
    whole_videos.write_videos(folder)
    return folder


def shards(folder, on_corrupt="error", **options):
    return Shards(folder, "train", Clips(**{**OPTIONS, **options}), on_corrupt)


def batches(source, steps, batch_size=4, **options):
    dataset = training_dataset(source, batch_size, **options)
    return list(dataset.take(steps).as_numpy_iterator())


def assert_equal(some, others):
    for one, other in zip(some, others, strict=True):
        for a, b in zip(one, other, strict=True):
            np.testing.assert_array_equal(a, b)


def test_shapes_are_known(folder):
    source = shards(folder)
    assert source.clip_shape == (4, 16, 16, 3)
    clips, labels = training_dataset(source, 4).element_spec
    assert clips == tf.TensorSpec((4, 4, 16, 16, 3), tf.uint8)
    assert labels == tf.TensorSpec((4,), tf.int64)
    clips, labels = next(evaluation_dataset(source, 5).as_numpy_iterator())
    assert clips.shape == (5, 4, 16, 16, 3)
    np.testing.assert_array_equal(labels, np.arange(5) % 3)


@pytest.mark.parametrize("start", [2, 3, 7])
def test_a_training_goes_on_where_it_was_without_decoding_what_it_saw(folder, start, monkeypatch):
    options = {"sampling": "random_offset", "jitter": 0.3, "mixup": 0.2}
    everything = batches(shards(folder, **options), 12, seed=3)
    decoded = []
    read = Shards.read
    monkeypatch.setattr(
        Shards, "read", lambda self, record, *rest: decoded.append(1) or read(self, record, *rest)
    )
    assert_equal(
        everything[start:],
        batches(shards(folder, **options), 12 - start, 4, seed=3, start_step=start),
    )
    assert len(decoded) <= 4 * (12 - start + 5)  # A few batches are made in advance.


def test_clips_are_new_in_every_epoch_and_with_every_seed(folder):
    def clips_of(batches):
        return {clip.tobytes() for clips, _ in batches for clip in clips}

    seen = batches(shards(folder), 6)
    first, second = clips_of(seen[:3]), clips_of(seen[3:])
    assert len(first) == 12 and not first & second
    other = clips_of(batches(shards(folder), 3, seed=1))
    assert not first & other


def test_workers_together_see_what_one_device_sees(folder):
    everything = batches(shards(folder), 6)
    parts = []
    for worker in range(2):
        context = tf.distribute.InputContext(2, worker, 4)  # Two workers of two replicas.
        dataset = training_dataset(shards(folder), 4, context=context)
        assert dataset.element_spec[0].shape[0] == 1
        parts.append(list(dataset.take(12).as_numpy_iterator()))
    for step, (clips, labels) in enumerate(everything):
        own = [parts[worker][2 * step + replica] for worker in range(2) for replica in range(2)]
        np.testing.assert_array_equal(np.concatenate([c for c, _ in own]), clips)
        np.testing.assert_array_equal(np.concatenate([l for _, l in own]), labels)

    evaluated = []
    for worker in range(2):
        context = tf.distribute.InputContext(2, worker, 2)
        for clips, _ in evaluation_dataset(shards(folder), 8, 11, context).as_numpy_iterator():
            evaluated += [clip.tobytes() for clip in clips]
    expected = [
        c.tobytes() for clips, _ in evaluation_dataset(shards(folder), 8, 11) for c in clips.numpy()
    ]
    assert sorted(evaluated) == sorted(expected)
    with pytest.raises(ValueError, match=r"multiple of the 3 devices.*global_batch_size=4"):
        training_dataset(shards(folder), 4, context=tf.distribute.InputContext(3, 0, 3))


def test_mixup_blends_clips_and_labels_alike(folder):
    options = {"size": 18, "short_side": 18, "brightness": 0}
    source = shards(folder, **options, mixup=1.0)
    assert training_dataset(source, 4).element_spec[1] == tf.TensorSpec((4, 3), tf.float32)
    blended, plain = batches(source, 3), batches(shards(folder, **options), 3)
    for (clips, targets), (pure, labels) in zip(blended, plain, strict=True):
        assert_close(targets.sum(axis=1), 1)
        one, other = np.eye(3)[labels], np.eye(3)[np.roll(labels, 1)]
        different = labels != np.roll(labels, 1)
        part = targets[different][np.arange(different.sum()), labels[different]][0]
        assert_close(targets, part * one + (1 - part) * other)
        expected = part * pure.astype(float) + (1 - part) * np.roll(pure, 1, axis=0)
        assert np.abs(clips - expected).max() <= 1
    assert next(iter(evaluation_dataset(source, 4)))[1].dtype == tf.int64


def test_a_flip_of_left_and_right_needs_pairs(tmp_path):
    video = whole_videos.smooth_video(3, 16, 16)
    records = [whole_videos.encode_video(video, 0, "x")]
    names = ["Pulling from left to right", "Pulling from right to left"]
    whole_videos.write_records(tmp_path, "train", [records], names)
    shards(tmp_path, flip=True, swap_labels="0-1")
    with pytest.raises(ValueError, match="class 0, 'Pulling from left to right', in no pair"):
        shards(tmp_path, flip=True)


def test_whole_frames(folder):
    read = list(whole_frames_dataset(shards(folder), 5).as_numpy_iterator())
    assert [frames.shape for frames, _ in read] == [(1, 2, 4, 18, 27, 3)] * 5
    assert [int(label) for _, (label,) in read] == [0, 1, 2, 0, 1]


# --------------------------------------------------------------------------- damaged records


def damage(folder, kind):
    """Damages record 2 of the second shard (of 4 records): video 6."""
    path = folder / "videos-train-00001-of-00003.tfrecord"
    records = list(tf.data.TFRecordDataset(str(path)).as_numpy_iterator())
    content = bytearray(path.read_bytes())
    start = sum(len(record) + 16 for record in records[:2])
    if kind == "byte":
        content[start + 500] ^= 0xFF
    elif kind == "length":
        content[start + 3] ^= 0xFF
    elif kind == "cut":
        del content[start + 100 :]
    path.write_bytes(content)
    if kind in ("label", "frame"):
        video = whole_videos.smooth_video(4, 40, 60)
        records[2] = whole_videos.encode_video(video, 9, "x")
        if kind == "frame":
            images = [encode_image(frame)[4:] for frame in video]
            records[2] = encode_images(images, "png", (40, 60), 0, "x", "y", 1.0)
        with tf.io.TFRecordWriter(str(path)) as writer:
            for record in records:
                writer.write(record)
        info = json.loads((folder / "dataset_info.json").read_text())
        info["splits"]["train"]["shards"][1]["bytes"] = os.path.getsize(path)
        (folder / "dataset_info.json").write_text(json.dumps(info))
    return path


FAULTS = {
    "byte": (1, "missing or damaged"),
    "length": (2, "missing or damaged"),  # What follows can't be found.
    "cut": (2, "missing or damaged"),
    "frame": (1, "frame 0 is not a PNG or JPEG"),
    "label": (1, "its label is 9, of 3 classes"),
}


@pytest.mark.parametrize("kind", FAULTS)
def test_damaged_records_are_named_or_skipped_and_counted(kind, tmp_path):
    whole_videos.write_videos(tmp_path)
    good, _ = next(evaluation_dataset(shards(tmp_path), 12).as_numpy_iterator())
    path = damage(tmp_path, kind)
    lost, message = FAULTS[kind]
    with pytest.raises(Exception, match=rf"(?s){path}, record [23]: {message}"):
        list(training_dataset(shards(tmp_path), 12).take(1))

    source = shards(tmp_path, "skip")
    read = list(evaluation_dataset(source, 5).as_numpy_iterator())
    left = np.concatenate([clips for clips, _ in read])
    np.testing.assert_array_equal(left, np.delete(good, range(6, 6 + lost), axis=0))
    assert sorted(source.skipped.reasons) == [(str(path), 2 + k) for k in range(lost)]
    assert f"skipped {lost} damaged record(s)\n  {path}, record 2: {message}" in str(source.skipped)

    assert len(list(whole_frames_dataset(source))) == 12 - lost
    whole = batches(source, 4, 6)
    assert [len(clips) for clips, _ in whole] == [6] * 4  # Others take their places.
    assert_equal(whole[1:], batches(shards(tmp_path, "skip"), 3, 6, start_step=1))
    assert len(source.skipped) == lost


def test_generated_shards_skip_too(tmp_path):
    from rstg_tf.data.shards.shard_writer import write_shards
    from rstg_tf.data.synthetic.interactions import Interactions

    write_shards(Interactions(size=16, frames=3, num_examples=12), tmp_path, num_shards=1)
    (path,) = tmp_path.glob("*.tfrecord")
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0xFF
    path.write_bytes(content)
    source = Shards(tmp_path, "train", on_corrupt="skip")
    assert sum(len(labels) for _, labels in evaluation_dataset(source, 4)) == 11
    assert len(source.skipped) == 1
    with pytest.raises(ValueError, match="on_corrupt must be one of"):
        Shards(tmp_path, "train", on_corrupt="ignore")


def test_a_batch_of_nothing_but_damage_ends(tmp_path):
    whole_videos.write_videos(tmp_path, count=4, shards=1)
    (path,) = tmp_path.glob("*.tfrecord")
    path.write_bytes(bytes(len(path.read_bytes())))
    with pytest.raises(tf.errors.InvalidArgumentError, match="All 4 records of a batch are dam"):
        batches(shards(tmp_path, "skip"), 1)
    assert list(evaluation_dataset(shards(tmp_path, "skip"), 4)) == []
