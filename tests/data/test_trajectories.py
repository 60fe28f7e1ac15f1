import io
import os
import pickle
import struct

import naive_syncmnist
import numpy as np
import pytest

from rstg_tf.data.digits import load_digits
from rstg_tf.data.syncmnist import NO_PAIR, SyncMNIST, pair_label
from rstg_tf.data.trajectories import load_trajectories

R, S, T, N, P = 2, 6, 4, 3, 2


@pytest.fixture
def content():
    """What a trajectory file of the test split holds."""
    rng = np.random.default_rng(0)
    labels = load_digits("test", "embedded").labels
    digits = np.empty((R, S, N), np.int64)
    for r in range(R):
        for s in range(S):
            others = rng.permutation([c for c in range(10) if c != labels[s]])[: N - 1]
            digits[r, s] = [s, *(rng.choice(np.flatnonzero(labels == c)) for c in others)]
    return {
        "digit_position": np.tile(np.arange(S), (R, 1)),
        "coords_digits": rng.integers(0, 72, (R, S, T, N, 2)),
        "noise_coords": rng.integers(0, 92, (R, S, T, P, 2)),
        "ind_rand_part": rng.integers(0, len(labels), (R, S, P)),
        "ind_digits": digits,
        "set_digits": labels[digits[:, :, 1:]],
        "sincron_prob": rng.integers(0, 2, (R, S)),
    }


class Python2Pickler(pickle._Pickler):
    """Writes bytes as Python 2 writes its strings."""

    dispatch = dict(pickle._Pickler.dispatch)  # noqa: RUF012

    def save_bytes(self, text):
        self.write(pickle.BINSTRING + struct.pack("<i", len(text)) + text)
        self.memoize(text)

    dispatch[bytes] = save_bytes


def dump(content, form):
    if form == "python 2":
        file = io.BytesIO()
        Python2Pickler(file, 2).dump(content)
        return file.getvalue().replace(b"c_codecs", b"c_nothing")
    if form == "numpy 2":
        return pickle.dumps(content, 2).replace(b"cnumpy.core.", b"cnumpy._core.")
    return pickle.dumps(content, int(form))


@pytest.mark.parametrize("form", ["0", "2", "4", "5", "python 2", "numpy 2"])
def test_reads_any_form_of_pickle(tmp_path, content, form):
    path = tmp_path / "trajectories.pkl"
    path.write_bytes(dump(content, form))
    loaded = load_trajectories(path)._asdict()
    assert set(loaded) == set(content) - {"digit_position"}
    for name, array in loaded.items():
        np.testing.assert_array_equal(array, content[name])


def test_plain_containers_and_floats_of_whole_numbers_will_do(tmp_path, content):
    path = tmp_path / "trajectories.pkl"
    plain = {name: array.astype(float).tolist() for name, array in content.items()}
    path.write_bytes(pickle.dumps(plain))
    np.testing.assert_array_equal(load_trajectories(path).coords_digits, content["coords_digits"])


def test_videos_follow_a_file(tmp_path, content):
    path = tmp_path / "trajectories.pkl"
    path.write_bytes(pickle.dumps(content))
    data = SyncMNIST(source="embedded", split="test", trajectories=path)
    assert data.num_examples == R * S
    assert data.clip_shape == (T, 64, 64, 1)
    assert (data.digits, data.noise_parts) == (N, P)
    digits = load_digits("test", "embedded")
    clips, labels = data.batch(range(R * S))
    for index in range(R * S):
        r, s = divmod(index, S)
        parts = digits.images[content["ind_rand_part"][r, s], 10:18, 10:18]
        layers = [
            (parts, content["noise_coords"][r, s]),
            (digits.images[content["ind_digits"][r, s]], content["coords_digits"][r, s]),
        ]
        assert any(
            np.array_equal(clips[index], naive_syncmnist.draw(order, 64))
            for order in (layers, layers[::-1])
        )
        pair = pair_label(digits.labels[s], content["set_digits"][r, s, 0])
        assert labels[index] == (pair if content["sincron_prob"][r, s] else NO_PAIR)


def test_a_file_for_other_digits_is_refused(tmp_path, content):
    path = tmp_path / "trajectories.pkl"
    path.write_bytes(pickle.dumps(content))
    with pytest.raises(ValueError, match=r"don't fit the embedded digits of the train split"):
        SyncMNIST(source="embedded", split="train", trajectories=path)


class Hostile:
    def __init__(self, function, *arguments):
        self.call = function, arguments

    def __reduce__(self):
        return self.call


@pytest.mark.parametrize("nested", [False, True])
@pytest.mark.parametrize("protocol", [0, 2, 5])
def test_a_hostile_pickle_is_refused_and_not_run(tmp_path, content, nested, protocol):
    marker = tmp_path / "marker"
    attacks = [
        Hostile(os.system, f"touch {marker}"),
        Hostile(eval, f"open({str(marker)!r}, 'w')"),
        Hostile(getattr, str, "format"),
        Hostile(np.memmap, str(marker), "uint8", "w+", 0, (4,)),
    ]
    for attack in attacks:
        bad = np.array([attack], object) if nested else attack
        path = tmp_path / "trajectories.pkl"
        path.write_bytes(pickle.dumps({**content, "digit_position": bad}, protocol))
        with pytest.raises(ValueError, match=r"nothing of it was run. Received: .*\.pkl"):
            load_trajectories(path)
    assert not marker.exists()


@pytest.mark.parametrize("damage", [lambda b: b[: len(b) // 2], lambda b: b"", lambda b: b"hello"])
def test_a_damaged_pickle_is_named(tmp_path, content, damage):
    path = tmp_path / "trajectories.pkl"
    path.write_bytes(damage(pickle.dumps(content)))
    with pytest.raises(ValueError, match=r"damaged.*trajectories\.pkl"):
        load_trajectories(path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda c: c.pop("sincron_prob"), "missing: sincron_prob"),
        (lambda c: c.update(set_digits=c["set_digits"][:, :, :1]), "'set_digits' must have shape"),
        (lambda c: c.update(ind_digits=c["ind_digits"][:, 1:]), "'ind_digits' must have shape"),
        (lambda c: c.update(coords_digits=c["coords_digits"] + 0.5), "must hold whole numbers"),
        (lambda c: c.update(sincron_prob=np.array([["a"]])), "must hold whole numbers"),
    ],
)
def test_arrays_that_do_not_fit_are_named(tmp_path, content, change, message):
    change(content)
    path = tmp_path / "trajectories.pkl"
    path.write_bytes(pickle.dumps(content))
    with pytest.raises(ValueError, match=message):
        load_trajectories(path)


def test_no_dict_and_no_file(tmp_path):
    path = tmp_path / "trajectories.pkl"
    path.write_bytes(pickle.dumps([1, 2]))
    with pytest.raises(ValueError, match="not a list"):
        load_trajectories(path)
    with pytest.raises(FileNotFoundError, match=r"none\.pkl"):
        load_trajectories(tmp_path / "none.pkl")
