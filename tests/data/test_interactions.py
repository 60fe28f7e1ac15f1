import concurrent.futures

import numpy as np
import pytest
from sklearn.linear_model import RidgeClassifier

from rstg_tf.data.synthetic.interactions import CLASS_NAMES, Interactions


@pytest.fixture(scope="module")
def clips():
    """Small clips to classify: `(train clips, labels, test clips, labels)`."""
    options = {"size": 24, "frames": 12}
    train, labels = Interactions(**options).batch(range(3000))
    test, test_labels = Interactions(**options, split="test").batch(range(2000))
    return coarse(train), labels, coarse(test), test_labels


def coarse(clips):
    n, t, h, w, c = clips.shape
    return clips.reshape(n, t, h // 2, 2, w // 2, 2, c).mean(axis=(3, 5)) / 255


def within_pairs(clips, view):
    """Accuracy, within the pairs of twins, of a linear classifier of `view(clips)`."""
    train, labels, test, test_labels = clips
    classifier = RidgeClassifier(alpha=10.0).fit(view(train).reshape(len(train), -1), labels)
    scores = classifier.decision_function(view(test).reshape(len(test), -1))
    pairs = scores.reshape(len(test), -1, 2)[np.arange(len(test)), test_labels // 2]
    return (pairs.argmax(axis=1) == test_labels % 2).mean()


def shuffled(clips):
    """Some frames of each clip, in an order of its own."""
    order = np.random.default_rng(0).permuted(np.tile(np.arange(12), (len(clips), 1)), axis=1)
    return clips[np.arange(len(clips))[:, None], order[:, :3]]


def test_classes_are_pairs_of_twins():
    assert len(CLASS_NAMES) == len(set(CLASS_NAMES)) == 20
    _, labels = Interactions(size=16, frames=2).batch(range(4000))
    counts = np.bincount(labels, minlength=20)
    assert (abs(counts - 200) < 4.5 * np.sqrt(200)).all()


@pytest.mark.parametrize("label", range(20))
def test_a_clip_played_backwards_shows_the_twin(label):
    data = Interactions(size=32)
    clips, labels = data.batch(range(3), [label] * 3)
    twins, twin_labels = data.batch(range(3), [label ^ 1] * 3)
    assert labels.tolist() == [label] * 3
    assert twin_labels.tolist() == [label ^ 1] * 3
    np.testing.assert_array_equal(clips, twins[:, ::-1])
    assert (clips != twins).any(axis=(1, 2, 3, 4)).all()


@pytest.mark.parametrize(
    "view",
    [
        pytest.param(lambda clips: clips.mean(axis=1), id="average"),
        pytest.param(lambda clips: clips.std(axis=1), id="spread"),
        pytest.param(shuffled, id="shuffled"),
    ],
)
def test_without_the_order_of_frames_twins_can_not_be_told_apart(clips, view):
    assert 0.45 < within_pairs(clips, view) < 0.55


def test_with_the_order_of_frames_twins_can_be_told_apart(clips):
    assert within_pairs(clips, lambda x: x[:, -3:].mean(axis=1) - x[:, :3].mean(axis=1)) > 0.75


@pytest.mark.parametrize(("size", "frames"), [(16, 2), (64, 16), (224, 8)])
def test_any_size(size, frames):
    data = Interactions(size=size, frames=frames, difficulty=1.0, distractors=5)
    clips, labels = data.batch(range(20), range(20))
    assert clips.shape == (20, *data.clip_shape) == (20, frames, size, size, 3)
    assert clips.dtype == np.uint8
    assert labels.dtype == np.int64
    assert clips.std(axis=(2, 3, 4)).min() > 5


def test_same_seed_same_clips_whatever_the_order_and_the_threads():
    clips, labels = Interactions(size=24).batch(range(32))
    reverse, reverse_labels = Interactions(size=24).batch(range(31, -1, -1))
    np.testing.assert_array_equal(clips, reverse[::-1])
    np.testing.assert_array_equal(labels, reverse_labels[::-1])
    data = Interactions(size=24)
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        parts = pool.map(lambda start: data.batch(range(start, start + 4))[0], range(0, 32, 4))
        np.testing.assert_array_equal(clips, np.concatenate(list(parts)))
    for other in ({"seed": 1}, {"split": "test"}, {"split": "validation"}):
        others, _ = Interactions(size=24, **other).batch(range(32))
        assert not (clips == others).all(axis=(1, 2, 3, 4)).any()


def test_difficulty_adds_noise_and_motion():
    def restlessness(difficulty):
        data = Interactions(size=32, difficulty=difficulty, distractors=0)
        clips = data.batch(range(40))[0].astype(float)
        return np.median(abs(np.diff(clips, axis=1)))

    assert restlessness(0.0) == 0
    assert 0 < restlessness(0.5) < restlessness(1.0)


@pytest.mark.parametrize(
    "options",
    [
        {"size": 8},
        {"size": 1024},
        {"frames": 1},
        {"distractors": -1},
        {"difficulty": 1.5},
        {"split": "dev"},
        {"seed": -1},
        {"num_examples": 0},
    ],
)
def test_bad_options(options):
    with pytest.raises(ValueError, match="Received: "):
        Interactions(**options)
