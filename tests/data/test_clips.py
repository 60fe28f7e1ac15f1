import cv2
import numpy as np
import pytest
import tensorflow as tf
import whole_videos

from rstg_tf.data.pipeline.clips import Clips
from rstg_tf.data.shards.sequence_example import encode_image, encode_images


def read(clips, record, rng=None):
    out = np.zeros(clips.shape, np.uint8)
    return out, clips.read(record, out, rng)


def difference(some, others):
    return np.abs(some.astype(float) - others).mean()


@pytest.mark.parametrize("size", [(40, 60), (60, 40), (48, 48)])
def test_evaluation_takes_the_centre_of_the_resized_frame(size):
    """Against the plain way: all frames resized by Model Garden, then cropped."""
    from official.vision.ops import preprocess_ops_3d

    video = whole_videos.smooth_video(9, *size)
    clips = Clips(frames=4, size=28, short_side=32)
    clip, label = read(clips, whole_videos.encode_video(video, 2, "x"))
    frames = preprocess_ops_3d.resize_smallest(tf.constant(video[[0, 2, 5, 8]]), 32)
    expected = preprocess_ops_3d.crop_image(frames, 28, 28).numpy()
    assert label == 2
    assert clip.shape == (4, 28, 28, 3)
    assert difference(clip, expected) < 4


def test_frames_at_the_short_side_are_cropped_and_nothing_else():
    video = whole_videos.smooth_video(5, 32, 48)
    record = png_record(video)
    clip, _ = read(Clips(frames=5, size=28, short_side=32), record)
    np.testing.assert_array_equal(clip, video[:, 2:30, 10:38])
    clip, _ = read(Clips(frames=5, size=28, short_side=32, brightness=0), record, rng=random())
    found = cv2.matchTemplate(video[0], clip[0], cv2.TM_SQDIFF)
    _, _, (left, top), _ = cv2.minMaxLoc(found)
    np.testing.assert_array_equal(clip, video[:, top : top + 28, left : left + 28])


def random(seed=0):
    return np.random.default_rng(seed)


def png_record(video, label=0):
    images = [encode_image(frame) for frame in video]
    return encode_images(images, "png", video.shape[1:3], label, "x", "y", 1.0)


def test_training_crops_everywhere_and_changes_brightness():
    video = np.full((3, 32, 64, 3), 100, np.uint8)
    video[:, :, :, 0] = np.arange(64)  # Red tells the column,
    video[:, :, :, 1] = np.arange(32)[:, None]  # green the row.
    clips = Clips(frames=3, size=24, short_side=32, brightness=0.1)
    places, shifts = set(), set()
    for seed in range(300):
        clip, _ = read(clips, png_record(video), random(seed))
        shift = int(clip[0, 0, 0, 2]) - 100
        assert (clip == clip[0]).all()
        shifts.add(shift)
        if shift >= 0:
            places.add((int(clip[0, 0, 0, 1]) - shift, int(clip[0, 0, 0, 0]) - shift))
    assert {row for row, _ in places} == set(range(9))
    assert {column for _, column in places} > set(range(2, 39))
    assert min(shifts) in (-26, -25) and max(shifts) in (25, 26)


def test_brightness_ends_at_black_and_white():
    video = np.zeros((2, 8, 8, 3), np.uint8)
    video[:, 4:] = 255
    clips = Clips(frames=2, size=8, short_side=8, brightness=0.5)
    for seed in range(9):
        clip, _ = read(clips, png_record(video), random(seed))
        assert (clip[:, :4] == 0).all() or (clip[:, 4:] == 255).all()


def test_a_flip_swaps_labels():
    video = whole_videos.smooth_video(2, 8, 8)
    clips = Clips(2, 8, 8, brightness=0, flip=True, swap_labels="0-2")
    for label, twin in ((0, 2), (2, 0), (1, 1)):
        kinds = set()
        for seed in range(20):
            clip, found = read(clips, png_record(video, label), random(seed))
            mirrored = np.array_equal(clip, video[:, :, ::-1])
            assert mirrored or np.array_equal(clip, video)
            assert found == (twin if mirrored else label)
            kinds.add(mirrored)
        assert kinds == {True, False}
        assert read(clips, png_record(video, label))[1] == label


def test_whole_frames_of_a_dense_evaluation():
    video = whole_videos.smooth_video(9, 40, 60)
    clips = Clips(frames=3, size=16, short_side=20)
    frames, label = clips.read_whole_frames(png_record(video, 1))
    assert frames.shape == (2, 3, 20, 30, 3) and label == 1
    small = [cv2.resize(frame, (30, 20), interpolation=cv2.INTER_AREA) for frame in video]
    np.testing.assert_array_equal(
        frames, [[small[k] for k in row] for row in [(0, 4, 8), (2, 6, 8)]]
    )


def test_only_the_frames_that_are_chosen_are_decoded():
    video = whole_videos.smooth_video(9, 16, 16)
    images = [encode_image(frame, 90) for frame in video]
    images[3] = b"no image"
    record = encode_images(images, "jpeg", (16, 16), 0, "x", "y", 1.0)
    read(Clips(frames=3, size=8, short_side=8), record)  # 0, 4, 8
    with pytest.raises(ValueError, match="frame 3 is not a PNG or JPEG image, or damaged"):
        read(Clips(frames=9, size=8, short_side=8), record)


def test_videos_that_can_not_be_used():
    video = whole_videos.smooth_video(3, 16, 16)
    images = [encode_image(frame) for frame in video]
    images[2] = encode_image(video[2, :8])
    clips = Clips(frames=3, size=8, short_side=8)
    with pytest.raises(ValueError, match=r"frame 2 has height, width, channels \(8, 16, 3\)"):
        read(clips, encode_images(images, "png", (16, 16), 0, "x", "y", 1.0))
    with pytest.raises(ValueError, match="no frames"):
        read(clips, encode_images([], "png", (16, 16), 0, "x", "y", 1.0))
    with pytest.raises(ValueError, match="not a sequence example"):
        read(clips, b"nothing")
    clip, _ = read(clips, png_record(video[:1]))
    assert (clip == clip[0]).all()


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ({"frames": 1}, "frames=1"),
        ({"size": 100}, "short_side must be at least the size, 100"),
        ({"sampling": "random"}, "'uniform', 'dense', 'random_offset'"),
        ({"jitter": 0.6}, "jitter=0.6"),
        ({"brightness": 2}, "brightness=2"),
        ({"stride": 0}, "stride=0"),
        ({"mixup": -1}, "mixup=-1"),
        ({"swap_labels": "left"}, "'left'"),
    ],
)
def test_impossible_options(option, message):
    with pytest.raises(ValueError, match=message):
        Clips(**option)
