import pathlib

import pytest

import rstg_tf
from rstg_tf.hub import manifest


def write(zoo, *names):
    manifest.write_manifest(zoo / manifest.FILE_NAME, {name: {"files": {}} for name in names})


def test_models_are_listed_by_pattern(tmp_path, monkeypatch):
    write(tmp_path, "sync3_b", "interactions_rstg", "sync3_a")
    assert rstg_tf.list_models(zoo=tmp_path) == ["interactions_rstg", "sync3_a", "sync3_b"]
    assert rstg_tf.list_models("sync3_*", zoo=tmp_path) == ["sync3_a", "sync3_b"]
    assert rstg_tf.list_models("nothing*", zoo=tmp_path) == []
    monkeypatch.setenv("RSTG_TF_MODEL_ZOO", str(tmp_path))
    assert rstg_tf.list_models("*rstg") == ["interactions_rstg"]


def test_the_zoo_lies_beside_the_package(tmp_path, monkeypatch):
    monkeypatch.delenv("RSTG_TF_MODEL_ZOO", raising=False)
    package = pathlib.Path(rstg_tf.__file__).parent
    assert manifest.zoo_directory() == package.parent / "model_zoo"
    assert manifest.read_manifest(tmp_path) == {}


def test_unknown_model_shows_the_closest(tmp_path):
    write(tmp_path, "interactions_rstg", "interactions_mean")
    with pytest.raises(ValueError, match=r"interactions_rstg.*Received: 'interaction_rstg'"):
        rstg_tf.load_model("interaction_rstg", zoo=tmp_path)
    with pytest.raises(ValueError, match="Received: '/nowhere'"):
        rstg_tf.load_model("/nowhere", zoo=tmp_path)


@pytest.mark.parametrize("text", ["", "[]", '{"models": {"a": {}}}', '{"models": []}', "{"])
def test_a_damaged_manifest_is_named(tmp_path, text):
    (tmp_path / "manifest.json").write_text(text)
    with pytest.raises(ValueError, match=r"manifest\.json"):
        manifest.read_manifest(tmp_path)


def test_verify_names_the_file(tmp_path):
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "a").write_text("a")
    (tmp_path / "b").write_text("b")
    expected = manifest.checksums(tmp_path)
    manifest.verify(tmp_path, expected)
    (tmp_path / "sub" / "a").write_text("changed")
    with pytest.raises(ValueError, match=r"sub/a has"):
        manifest.verify(tmp_path, expected)
    (tmp_path / "sub" / "a").unlink()
    with pytest.raises(ValueError, match=r"sub/a is missing"):
        manifest.verify(tmp_path, expected)
