import io
import pathlib
import zipfile

import numpy as np
import pytest

from rstg_tf.data.synthetic.digits import load_digits

MNIST = pathlib.Path(__file__).parents[3] / "shared" / "data" / "mnist.npz"


@pytest.fixture
def npz(tmp_path):
    """A small file in the form of MNIST's."""
    rng = np.random.default_rng(0)
    arrays = {}
    for split, count in (("train", 40), ("test", 20)):
        arrays[f"x_{split}"] = rng.integers(0, 256, (count, 28, 28)).astype(np.uint8)
        arrays[f"y_{split}"] = (np.arange(count) % 10).astype(np.uint8)
    path = tmp_path / "digits.npz"
    np.savez(path, **arrays)
    return path, arrays


def test_embedded_digits_are_centred_and_split():
    train, test = load_digits("train", "embedded"), load_digits("test", "embedded")
    assert (len(train.images), len(test.images)) == (1297, 500)
    assert train.source == "embedded"
    for digits in (train, test):
        assert set(digits.labels) == set(range(10))
        assert digits.images[:, :4].max() == digits.images[:, :, 24:].max() == 0
        assert digits.images.max(axis=(1, 2)).min() > 200


def test_reads_a_file(npz):
    path, arrays = npz
    for split in ("train", "test"):
        digits = load_digits(split, path=path)
        np.testing.assert_array_equal(digits.images, arrays[f"x_{split}"])
        np.testing.assert_array_equal(digits.labels, arrays[f"y_{split}"])
        assert digits.source == "mnist"


def test_real_mnist():
    if not MNIST.exists():
        pytest.skip(f"{MNIST} is not there: the real MNIST file is not checked")
    assert np.bincount(load_digits("test", path=MNIST).labels).tolist() == [
        980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009,
    ]  # fmt: skip
    assert len(load_digits("train", path=MNIST).images) == 60_000


def _cut(path, arrays):
    path.write_bytes(path.read_bytes()[:-2000])


def _flip(path, arrays):
    content = bytearray(path.read_bytes())
    content[len(content) // 4] ^= 0xFF
    path.write_bytes(content)


def _text(path, arrays):
    path.write_text("<html>404</html>")


def _empty(path, arrays):
    path.write_bytes(b"")


def _missing_key(path, arrays):
    np.savez(path, x_train=arrays["x_train"], y_train=arrays["y_train"])


def _float_images(path, arrays):
    np.savez(path, **{**arrays, "x_test": arrays["x_test"] / 255})


def _few_labels(path, arrays):
    np.savez(path, **{**arrays, "y_test": arrays["y_test"][:-1]})


def _no_nines(path, arrays):
    np.savez(path, **{**arrays, "y_test": arrays["y_test"] % 9})


def _objects(path, arrays):
    np.savez(path, **{**arrays, "x_test": np.array([{}], object)})


def _rezip(path, change=lambda name, content: content, **options):
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w", **options) as archive:
        for name, content in members.items():
            archive.writestr(name, change(name, content))


def _28_gigabytes(path, arrays):
    def claim(name, content):
        return content.replace(b"(20, 28, 28), }     ", b"(999999, 28, 28), } ")

    _rezip(path, claim)


def _deflate_bomb(path, arrays):
    """A member that claims the right length and unpacks to more."""
    array = io.BytesIO()
    np.save(array, arrays["x_test"])
    _rezip(path, lambda name, content: content + bytes(10**7), compression=zipfile.ZIP_DEFLATED)


def _encrypted(path, arrays):
    content = bytearray(path.read_bytes())
    for place in (6, content.index(b"PK\x01\x02") + 8):
        content[place] |= 1
    while (place := content.find(b"PK\x01\x02", place + 1)) > 0:
        content[place + 8] |= 1
    path.write_bytes(content)


def _other_compression(path, arrays):
    content = bytearray(path.read_bytes())
    place = -1
    while (place := content.find(b"PK\x01\x02", place + 1)) >= 0:
        content[place + 10] = 97
    path.write_bytes(content)


def _nested_header(path, arrays):
    def nest(name, content):
        return content[:10] + b"(" * (len(content) - 10)

    _rezip(path, nest)


@pytest.mark.parametrize(
    "damage",
    [
        *(
            _cut,
            _flip,
            _text,
            _empty,
            _missing_key,
            _float_images,
            _few_labels,
            _no_nines,
            _objects,
        ),
        *(_28_gigabytes, _deflate_bomb, _encrypted, _other_compression, _nested_header),
    ],
)
def test_damaged_file_is_named(npz, damage):
    path, arrays = npz
    damage(path, arrays)
    with pytest.raises(ValueError, match=rf"x_test.*Received: {path}"):
        [load_digits(split, path=path) for split in ("train", "test")]


@pytest.mark.parametrize("method", [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_changed_bytes_are_one_error_or_harmless(npz, method):
    path, arrays = npz
    _rezip(path, compression=method)
    good, rng = path.read_bytes(), np.random.default_rng(0)
    load_digits("test", path=path)
    for _ in range(150):
        bad = bytearray(good)
        bad[rng.integers(len(bad))] ^= 1 << rng.integers(8)
        path.write_bytes(bad)
        try:
            np.testing.assert_array_equal(load_digits("test", path=path).images, arrays["x_test"])
        except ValueError as error:
            assert str(path) in str(error)


def test_missing_file_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"none\.npz"):
        load_digits("train", path=tmp_path / "none.npz")


@pytest.mark.parametrize(
    "arguments", [("dev",), ("train", "kmnist"), ("train", "embedded", "some.npz")]
)
def test_unknown_arguments(arguments):
    with pytest.raises(ValueError, match="Received: "):
        load_digits(*arguments)


def test_without_mnist_the_embedded_digits_stand_in(monkeypatch, tmp_path):
    import tensorflow as tf

    def fail():
        raise Exception("URL fetch failure")

    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    monkeypatch.setattr(tf.keras.datasets.mnist, "load_data", fail)
    with pytest.warns(UserWarning, match="URL fetch failure"):
        assert load_digits("train").source == "embedded"
    with pytest.raises(OSError, match="URL fetch failure"):
        load_digits("train", "mnist")


def test_mnist_is_read_from_the_cache_of_keras(monkeypatch, tmp_path, npz):
    (tmp_path / "datasets").mkdir()
    npz[0].rename(tmp_path / "datasets" / "mnist.npz")
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    assert load_digits("train").source == "mnist"
