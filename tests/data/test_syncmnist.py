import concurrent.futures

import naive_syncmnist
import numpy as np
import pytest
from closeness import assert_close

from rstg_tf.data.source import CLIPS_PER_TRAINING
from rstg_tf.data.synthetic.digits import load_digits
from rstg_tf.data.synthetic.syncmnist import CLASS_NAMES, NO_PAIR, SyncMNIST, pair_label

VIDEOS = 12_000


@pytest.fixture(scope="module")
def plans():
    """Plans of many videos with 4 digits: tracks `[V, T, n, 2]`, digits `[V, n]`, synchrony."""
    data = SyncMNIST(digits=4, source="embedded", noise_parts=2)
    plans = [data.plan(index) for index in range(VIDEOS)]
    return {
        "track": np.stack([plan.track for plan in plans]),
        "parts": np.stack([plan.part_track for plan in plans]),
        "digits": np.stack([plan.digits for plan in plans]),
        "synchronous": np.array([plan.synchronous for plan in plans]),
    }


def close_to(count, probability, trials, sigmas=4.5):
    return abs(count - probability * trials) < sigmas * np.sqrt(
        trials * probability * (1 - probability)
    )


def test_classes():
    assert len(CLASS_NAMES) == 46
    labels = {(a, b): pair_label(a, b) for a in range(10) for b in range(a)}
    assert sorted(labels.values()) == list(range(45))
    assert labels[1, 0] == 0
    assert labels[9, 8] == 44
    assert pair_label(3, 7) == pair_label(7, 3) == 7 * 6 // 2 + 3
    assert CLASS_NAMES[pair_label(3, 7)] == "7 and 3"


def test_positions_and_steps_stay_in_their_ranges(plans):
    track = plans["track"]
    assert track.min() == 0
    assert track.max() == 71
    assert plans["parts"].min() == 0
    assert plans["parts"].max() == 91
    steps = np.diff(track, axis=1)
    assert steps.min() == -10
    assert steps.max() == 9


def test_free_steps_are_uniform_over_what_keeps_the_digit_on_the_canvas(plans):
    before, after = plans["track"][:, :-1, 2:].ravel(), plans["track"][:, 1:, 2:].ravel()
    for inside in (0, 3, 10, 40, 62, 68, 71):
        steps = (after - before)[before == inside]
        allowed = np.arange(max(-10, -inside), min(10, 72 - inside))
        assert set(steps) == set(allowed)
        for step in allowed:
            assert close_to((steps == step).sum(), 1 / len(allowed), len(steps))


def test_axes_and_free_digits_are_independent(plans):
    steps = np.diff(plans["track"], axis=1)
    inside = ((plans["track"][:, :-1] >= 10) & (plans["track"][:, :-1] <= 62)).all(axis=(2, 3))
    free = steps[inside][:, 2:].reshape(-1, 4)
    correlation = np.corrcoef(free.T) - np.eye(4)
    assert abs(correlation).max() < 4.5 / np.sqrt(len(free))


def test_the_pair_moves_together_unless_the_label_says_no(plans):
    steps = np.diff(plans["track"], axis=1)
    together = (steps[:, :, 0] == steps[:, :, 1]).all(axis=(1, 2))
    np.testing.assert_array_equal(together, plans["synchronous"])
    assert close_to((~together).sum(), 1 / 92, VIDEOS)


def test_common_steps_are_uniform_over_what_keeps_both_on_the_canvas(plans):
    pairs = plans["track"][plans["synchronous"]][:, :, :2]
    low, high = pairs[:, :-1].min(axis=2).ravel(), pairs[:, :-1].max(axis=2).ravel()
    steps = np.diff(pairs[:, :, 0], axis=1).ravel()
    for least, most in ((-10, 10), (-2, 10), (-10, 4)):
        chosen = steps[(np.maximum(-10, -low) == least) & (np.minimum(10, 72 - high) == most)]
        for step in range(least, most):
            assert close_to((chosen == step).sum(), 1 / (most - least), len(chosen))


def test_walks_and_overlaps_are_distributed_as_in_the_naive_form(plans):
    rng = np.random.default_rng(0)
    free = naive_syncmnist.free_walks(rng, VIDEOS, 10)
    pair = naive_syncmnist.common_walks(rng, VIDEOS, 10)
    track = plans["track"][plans["synchronous"]]
    for t in (0, 4, 9):
        for ours, naive in ((track[:, t, 3, 0], free[:, t]), (track[:, t, 1, 1], pair[:, t, 1])):
            error = np.sqrt(ours.var() / len(ours) + naive.var() / len(naive))
            assert abs(ours.mean() - naive.mean()) < 4.5 * error
            shares = [(x < 20).mean() for x in (ours, naive)]
            assert abs(shares[0] - shares[1]) < 4.5 * np.sqrt(0.5 / len(naive))
        overlap = (abs(track[:, t, 0] - track[:, t, 1]) < 28).mean(axis=0)
        wanted = (abs(pair[:, t, 0] - pair[:, t, 1]) < 28).mean()
        assert abs(overlap - wanted).max() < 4.5 * np.sqrt(0.5 / len(pair))


def test_everything_drifts_up_and_left(plans):
    track = plans["track"]
    assert (track[:, 9].mean(axis=(0, 1)) < track[:, 0].mean(axis=(0, 1)) - 1).all()


def test_classes_differ_and_pairs_are_uniform(plans):
    classes = load_digits("train", "embedded").labels[plans["digits"]]
    assert all(len(set(row)) == 4 for row in classes)
    counts = np.bincount(pair_label(classes[:, 0], classes[:, 1]), minlength=45)
    assert len(counts) == 45
    assert all(close_to(count, 1 / 45, VIDEOS) for count in counts)


@pytest.mark.parametrize("size", [64, 100])
def test_videos_are_drawn_as_in_the_naive_form(size):
    data = SyncMNIST(digits=6, source="embedded", noise_parts=40, size=size, split="test")
    digits = load_digits("test", "embedded")
    clips, labels = data.batch(range(20))
    in_front = 0
    for index in range(20):
        plan = data.plan(index)
        parts = (digits.images[plan.parts, 10:18, 10:18], plan.part_track)
        layers = [parts, (digits.images[plan.digits], plan.track)]
        equal = [
            np.array_equal(clips[index], naive_syncmnist.draw(order, size))
            for order in (layers, layers[::-1])
        ]
        assert sum(equal) == 1, "digits must be drawn either in front of all parts or behind"
        in_front += equal[0]
        pair = digits.labels[plan.digits[:2]]
        assert labels[index] == (pair_label(*pair) if plan.synchronous else NO_PAIR)
    assert 3 < in_front < 17


def test_shuffled_order_of_drawing_hides_the_pair_no_more_than_others():
    options = {"digits": 2, "source": "embedded"}
    authors, shuffled = SyncMNIST(**options), SyncMNIST(**options, z_order="shuffled")
    images = load_digits("train", "embedded").images
    equal, differ = 0, 0
    for index in range(300):
        plan = authors.plan(index)
        forwards = naive_syncmnist.draw([(images[plan.digits], plan.track)], 64)
        backwards = naive_syncmnist.draw([(images[plan.digits][::-1], plan.track[:, ::-1])], 64)
        np.testing.assert_array_equal(authors.batch([index])[0][0], forwards)
        if np.array_equal(forwards, backwards):
            continue
        clip = shuffled.batch([index])[0][0]
        equal += np.array_equal(clip, forwards)
        differ += np.array_equal(clip, backwards)
    assert close_to(equal, 0.5, equal + differ)


@pytest.mark.parametrize("digits", [2, 10])
def test_any_number_of_digits_and_frames(digits):
    data = SyncMNIST(digits=digits, frames=3, source="embedded", size=32)
    clips, labels = data.batch(range(5))
    assert clips.shape == (5, *data.clip_shape) == (5, 3, 32, 32, 1)
    assert clips.dtype == np.uint8
    assert labels.dtype == np.int64
    assert data.name == f"syncmnist{digits}"


def test_persistence_keeps_steps():
    data = SyncMNIST(digits=3, source="embedded", persistence=0.8)
    track = np.stack([data.plan(index).track for index in range(1500)])
    steps = np.diff(track, axis=1)
    inside = ((track >= 10) & (track <= 61)).all(axis=(2, 3))
    inside = inside[:, 2:] & inside[:, 1:-1] & inside[:, :-2]
    for digit in (0, 2):
        kept = (steps[:, 1:, digit] == steps[:, :-1, digit]).all(axis=2)[inside]
        assert close_to(kept.sum(), 0.8 + 0.2 / 400, kept.size)
    assert track.min() == 0
    assert track.max() == 71


def test_any_part_of_the_videos_may_have_no_pair():
    data = SyncMNIST(digits=2, source="embedded", no_pair=0.5, size=8)
    labels = data.batch(range(1000))[1]
    assert close_to((labels == NO_PAIR).sum(), 0.5, len(labels))
    for index in range(20):
        assert data.plan(index).synchronous == (labels[index] != NO_PAIR)


def test_annealing_ends_at_the_true_motion():
    options = {"digits": 3, "source": "embedded"}
    annealed = SyncMNIST(persistence=0.8, annealing=(100, 300), **options)
    chances = [annealed.persistence_at(index) for index in (0, 100, 150, 299, 300, 2**39)]
    assert_close(chances, [0.8, 0.8, 0.6, 0.004, 0, 0])
    of_another_seed = CLIPS_PER_TRAINING * 7
    assert annealed.persistence_at(of_another_seed + 150) == annealed.persistence_at(150)
    for index, persistence in ((of_another_seed + 99, 0.8), (200, 0.4), (300, 0.0)):
        still = SyncMNIST(persistence=persistence, **options)
        np.testing.assert_array_equal(annealed.plan(index).track, still.plan(index).track)


def test_same_seed_same_videos_whatever_the_order_and_the_threads():
    def make(**options):
        return SyncMNIST(digits=3, source="embedded", noise_parts=3, z_order="shuffled", **options)

    clips, labels = make().batch(range(64))
    reverse, reverse_labels = make().batch(range(63, -1, -1))
    np.testing.assert_array_equal(clips, reverse[::-1])
    np.testing.assert_array_equal(labels, reverse_labels[::-1])
    data = make()
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        parts = pool.map(lambda start: data.batch(range(start, start + 4))[0], range(0, 64, 4))
        np.testing.assert_array_equal(clips, np.concatenate(list(parts)))
    for other in ({"seed": 1}, {"split": "test"}, {"split": "validation"}):
        others, _ = make(**other).batch(range(64))
        assert not (clips == others).all(axis=(1, 2, 3, 4)).any()


def test_numbers_of_videos_of_the_splits():
    numbers = [
        SyncMNIST(source="embedded", split=split).num_examples
        for split in ("train", "validation", "test")
    ]
    assert numbers == [12_970, 129, 500]


@pytest.mark.parametrize(
    "options",
    [
        {"digits": 1},
        {"digits": 11},
        {"frames": 1},
        {"size": 4},
        {"noise_parts": -1},
        {"persistence": 1.0},
        {"persistence": -0.1},
        {"no_pair": 1.5},
        {"annealing": (5,)},
        {"annealing": (5, 5)},
        {"annealing": (-1, 5)},
        {"z_order": "random"},
        {"split": "dev"},
        {"seed": -1},
        {"num_videos": 0},
    ],
)
def test_bad_options(options):
    with pytest.raises(ValueError, match="Received: "):
        SyncMNIST(**{"source": "embedded", **options})
