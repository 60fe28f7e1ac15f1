import pathlib
import subprocess
import sys

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


def test_where_there_is_no_zoo_it_is_said_where_one_can_be_had(tmp_path, monkeypatch):
    assert rstg_tf.list_models(zoo=tmp_path) == []
    monkeypatch.setenv("RSTG_TF_MODEL_ZOO", str(tmp_path / "none"))
    for ask in (rstg_tf.list_models, rstg_tf.model_info, rstg_tf.load_model):
        with pytest.raises(FileNotFoundError) as error:
            ask("i3d")
        for word in (
            "$RSTG_TF_MODEL_ZOO",
            "`zoo=`",
            "clone of the repository",
            str(tmp_path / "none"),
        ):
            assert word in str(error.value)


def test_what_is_known_of_a_model_needs_no_tensorflow():
    """Of all published ones; what they can is what their models say in `test_entries`."""
    script = """
import sys, rstg_tf
for name in rstg_tf.list_models():
    info = rstg_tf.model_info(name)
    assert info.name == info.experiment == name and info.scale == "lite" and info.card.is_file()
    assert info.multiply_adds > info.parameters > 0 and info.clips_per_second > 0
    assert len(info.classes) in (14, 20, 46) and len(info.clip_shape) == 4
    assert 0 < info.figures["top_1"] <= 1
    print(name, info.streams)
assert "tensorflow" not in sys.modules
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    streams = dict(line.split() for line in done.stdout.splitlines())
    assert streams["interactions_rstg"] == streams["sync3_rstg_alltemp"] == "True"
    assert streams["i3d"] == streams["rstg_res3_4"] == "False"
    with pytest.raises(ValueError, match=r"Did you mean .*'i3d'"):
        rstg_tf.model_info("i3e")


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
