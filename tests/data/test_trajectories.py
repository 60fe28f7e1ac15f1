import io
import os
import pickle
import struct

import naive_syncmnist
import numpy as np
import pytest

from rstg_tf.data.synthetic.digits import load_digits
from rstg_tf.data.synthetic.syncmnist import NO_PAIR, SyncMNIST, pair_label
from rstg_tf.data.synthetic.trajectories import load_trajectories

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
        (lambda c: c.update(sincron_prob=[[2**70] * 9] * 9), "must hold whole numbers"),
    ],
)
def test_arrays_that_do_not_fit_are_named(tmp_path, content, change, message):
    change(content)
    path = tmp_path / "trajectories.pkl"
    path.write_bytes(pickle.dumps(content))
    with pytest.raises(ValueError, match=message):
        load_trajectories(path)


GLOBALS = (
    b"cnumpy.core.multiarray\n_reconstruct\n",
    b"cnumpy.core.numeric\n_frombuffer\n",
    *(b"cnumpy\nndarray\n", b"cnumpy\ndtype\n", b"c_codecs\nencode\n", b"c__builtin__\nbytes\n"),
)
DTYPE = (
    b"cnumpy\ndtype\nX\x02\x00\x00\x00%bK\x00K\x01\x87R"
    b"(K\x03X\x01\x00\x00\x00<NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb"
)
TEXT = b"X\x01\x00\x00\x00a"
HOSTILE = {
    "called on raw bytes": GLOBALS[2] + b"((K\x01t" + TEXT + b"B\x08\x00\x00\x00AAAAAAAAtR.",
    "array of objects": DTYPE % b"O8" + b".",
    "a state twice": DTYPE % b"u1" + b"(K\x01tb.",
    "a state for a function": GLOBALS[0] + b"(K\x01tb.",
    "shape of 2^60": GLOBALS[1]
    + b"(B\x01\x00\x00\x00A"
    + DTYPE % b"u1"
    + b"(\x8a\x08\x00\x00\x00\x00\x00\x00\x00\x10t"
    + TEXT.replace(b"a", b"C")
    + b"tR.",
    "shape of -1": GLOBALS[1]
    + b"(B\x01\x00\x00\x00A"
    + DTYPE % b"u1"
    + b"(J\xff\xff\xff\xfft"
    + TEXT.replace(b"a", b"C")
    + b"tR.",
    "eight bytes of length": b"\x8e\xff\xff\xff\xff\xff\xff\xff\x0f.",
    "text of 2^62": b"\x8d" + bytes(7) + b"\x40.",
    "a long of 2^31": b"\x8b\xff\xff\xff\x7f.",
    "a long of digits": b"L" + b"9" * 10**6 + b"L\n.",
    "a frame of 2^60": b"\x95" + bytes(7) + b"\x10N.",
    "buffers": b"\x97\x98.",
    "protocol 9": b"\x80\x09N.",
    "a persistent id": b"Pfile\n.",
    "remembered by a number": b"Np99999999999999999999\n.",
    "nested": b"]" + b"(]" * 10**5 + b"e" * 10**5 + b".",
    "marks": b"(" * 10**6 + b".",
    "no values": b"\x87.",
    "key of a list": b"}(]Ntu.",
    "keys that collide": b"}("
    + b"".join(b"\x8a\x08%bN" % (k * (2**61 - 1)).to_bytes(8, "little") for k in range(1, 4))
    + b"u.",
    "bytes made again and again": b"("
    + (GLOBALS[4] + TEXT + b"X\x06\x00\x00\x00latin1\x86R") * 3
    + b"t.",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_made_up_pickles_are_one_error(tmp_path, name):
    path = tmp_path / "trajectories.pkl"
    path.write_bytes(HOSTILE[name])
    with pytest.raises(ValueError, match=r"Received: .*trajectories\.pkl") as caught:
        load_trajectories(path)
    assert len(str(caught.value)) < 500


@pytest.mark.parametrize("kind", ["itself", "laughs", "one array for all", "inf", "two to 64"])
def test_what_grows_or_is_no_number_is_refused(tmp_path, content, kind):
    if kind == "itself":
        bad = []
        bad.append(bad)
    elif kind == "laughs":
        bad = [1] * 1000
        for _ in range(3):
            bad = [bad] * 1000
    elif kind == "one array for all":
        bad = [[content["coords_digits"]] * 99] * 99
    else:
        bad = np.full((R, S), np.inf) if kind == "inf" else np.full((R, S), 2**64 - 1, np.uint64)
    path = tmp_path / "trajectories.pkl"
    path.write_bytes(pickle.dumps({**content, "sincron_prob": bad}))
    with pytest.raises(ValueError, match=r"'sincron_prob' must hold whole numbers"):
        load_trajectories(path)


def test_bytes_that_two_arrays_share_are_not_multiplied(tmp_path, content):
    size = (1, 1000, 10, 50, 2)
    big = np.zeros(size, np.uint8)
    content = {
        **content,
        "coords_digits": big,
        "noise_coords": big,
        "ind_rand_part": np.zeros((1, 1000, 50), np.uint8),
    }
    path = tmp_path / "trajectories.pkl"
    path.write_bytes(pickle.dumps(content))
    assert path.stat().st_size < 2 * big.size
    with pytest.raises(ValueError, match=r"'noise_coords' .* more of them than the file has bytes"):
        load_trajectories(path)


@pytest.mark.parametrize("form", ["0", "4", "5"])
def test_changed_bytes_are_one_error_or_harmless(tmp_path, content, form):
    good, path = dump(content, form), tmp_path / "trajectories.pkl"
    rng = np.random.default_rng(0)
    errors = 0
    for _ in range(400):
        bad = bytearray(good)
        for _ in range(rng.integers(1, 4)):
            place = rng.integers(len(bad))
            kind = rng.integers(4)
            if kind == 0:
                bad[place] ^= 1 << rng.integers(8)
            elif kind == 1:
                bad[place] = rng.integers(256)
            elif kind == 2:
                del bad[place : place + rng.integers(1, 9)]
            else:
                bad[place:place] = GLOBALS[rng.integers(len(GLOBALS))] + rng.bytes(3)
        path.write_bytes(bad)
        try:
            load_trajectories(path)
        except ValueError as error:
            assert str(path) in str(error)
            errors += 1
    assert errors > 100


def test_no_dict_and_no_file(tmp_path):
    path = tmp_path / "trajectories.pkl"
    path.write_bytes(pickle.dumps([1, 2]))
    with pytest.raises(ValueError, match="not a list"):
        load_trajectories(path)
    with pytest.raises(FileNotFoundError, match=r"none\.pkl"):
        load_trajectories(tmp_path / "none.pkl")
