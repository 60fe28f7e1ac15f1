import numpy as np
import pytest

from rstg_tf.data.pipeline.sampling import dense_samplings, sample_frames


@pytest.mark.parametrize("count", [1, 2, 7, 32, 33, 60, 500])
@pytest.mark.parametrize("frames", [2, 8, 32])
def test_uniform_is_the_formula_of_the_released_code(count, frames):
    expected = np.floor(np.linspace(0, count - 1, frames))
    for rng in (None, np.random.default_rng(0)):
        np.testing.assert_array_equal(sample_frames(count, frames, rng=rng), expected)


def test_dense_frames_are_a_stride_apart():
    assert sample_frames(21, 4, "dense", stride=2).tolist() == [7, 9, 11, 13]
    starts = set()
    for seed in range(50):
        numbers = sample_frames(10, 4, "dense", 2, rng=np.random.default_rng(seed))
        assert np.diff(numbers).tolist() == [2, 2, 2]
        starts.add(numbers[0])
    assert starts == {0, 1, 2, 3}
    assert sample_frames(3, 5, "dense").tolist() == [0, 1, 2, 2, 2]


def test_a_random_offset_moves_all_frames_together():
    assert sample_frames(16, 4, "random_offset").tolist() == [2, 6, 10, 14]
    seen = {
        tuple(sample_frames(16, 4, "random_offset", rng=np.random.default_rng(seed)))
        for seed in range(99)
    }
    assert seen == {(k, k + 4, k + 8, k + 12) for k in range(4)}


@pytest.mark.parametrize("sampling", ["uniform", "dense", "random_offset"])
def test_jitter_moves_frames_but_keeps_their_order(sampling):
    rng = np.random.default_rng(0)
    for count in (5, 40, 41):
        still = sample_frames(count, 8, sampling, 3)
        moved = [sample_frames(count, 8, sampling, 3, 0.5, rng) for _ in range(50)]
        assert all((np.diff(numbers) >= 0).all() for numbers in moved)
        assert np.min(moved) >= 0 and np.max(moved) < count
        assert len({tuple(numbers) for numbers in moved}) > 5
        np.testing.assert_array_equal(sample_frames(count, 8, sampling, 3, 0.5), still)


def test_the_second_of_the_dense_samplings_is_half_a_step_later():
    first, second = dense_samplings(61, 7)
    assert first.tolist() == [0, 10, 20, 30, 40, 50, 60]
    assert second.tolist() == [5, 15, 25, 35, 45, 55, 60]
    np.testing.assert_array_equal(dense_samplings(1, 4), np.zeros((2, 4)))
