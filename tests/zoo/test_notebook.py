"""The notebook of an entry: executed for real, it must say what the card says."""

import json
import pathlib
import re
import shutil

import nbformat
import pytest
from tiny import tiny_experiment

from rstg_tf.evaluation.data import SEED
from rstg_tf.hub import manifest
from rstg_tf.training import train
from rstg_tf.zoo import completing, costs, notebook, publish, publishing


def texts(cells):
    """What the cells of code have printed or shown as text."""
    outputs = [output for cell in cells if cell.cell_type == "code" for output in cell.outputs]
    shown = [output.get("text") or output["data"]["text/plain"] for output in outputs]
    return outputs, "\n".join(shown)


def check_figures(text, metrics):
    """Checks that the notebook on the clips of the card has the card's figures."""
    figures = metrics["figures"]
    for name in ("top_1", "top_5", "within_pair"):
        if name in figures:
            low, high = figures[f"{name}_interval_95"]
            told = f"{figures[name]:.2%} ({low:.2%} … {high:.2%})"
            (row,) = re.findall(rf"^{name} .*", text, re.MULTILINE)
            assert row.count(told) == 2, row
    assert "The intervals of top-1 overlap." in text


def test_the_notebook_of_a_graph_says_what_the_card_says_and_nothing_of_this_machine(zoo, tmp_path):
    entry = pathlib.Path(shutil.copytree(zoo / "tiny", tmp_path / "tiny"))
    metrics = json.loads((entry / "metrics.json").read_text())
    num_clips = metrics["figures"]["num_clips"]
    path = notebook.execute(entry, num_clips, seed=SEED, progress=False)
    stored = nbformat.read(path, nbformat.NO_CONVERT)
    nbformat.validate(stored)
    outputs, text = texts(stored.cells)
    check_figures(text, metrics)
    assert [output for output in outputs if output.get("name") == "stderr"] == []
    assert "WARNING" not in text
    source = "\n".join(cell.source for cell in stored.cells)
    assert "# tiny: evaluation" in source and 'ENTRY = "."' in source
    assert 'DATA = "interactions:size=32,frames=4' in source and "SEED = 1_000_000" in source
    assert "Which regions attend to which" in source
    pictures = [kind for output in outputs for kind in output.get("data", {}) if "image/" in kind]
    assert len(pictures) >= 4
    whole = path.read_text()
    assert len(whole.encode()) < notebook.MAX_BYTES
    for folder in (tmp_path, zoo, pathlib.Path(__file__).parents[2], pathlib.Path.home()):
        assert f"{folder}/" not in whole
    before = {file.name for file in (zoo / "tiny").iterdir()}
    assert {file.name for file in entry.iterdir()} - before == {notebook.FILE_NAME}


def test_an_entry_without_figures_and_clips_that_are_not_here_are_refused(zoo, tmp_path):
    with pytest.raises(FileNotFoundError, match=r"without saved_model\.pb"):
        notebook.execute(tmp_path)
    entry = pathlib.Path(shutil.copytree(zoo / "tiny", tmp_path / "tiny"))
    metrics = json.loads((entry / "metrics.json").read_text())
    about = {key: metrics["data"][key] for key in ("name", "split", "clip_shape")}
    for data, message in (
        ({"shards": "videos"}, r"name a folder .*--data.*'videos'"),
        (
            {
                "seed": 0,
                "generator": "syncmnist",
                "options": {"digits": 3, "mnist_path": "mnist.npz"},
            },
            r"--data=syncmnist:mnist_path=FILE.*'mnist\.npz'",
        ),
    ):
        (entry / "metrics.json").write_text(json.dumps({**metrics, "data": {**about, **data}}))
        with pytest.raises(ValueError, match=message):
            notebook.execute(entry)
    assert not (entry / notebook.FILE_NAME).exists()


def test_an_entry_gets_its_card_anew_and_keeps_weights_and_figures(zoo, tmp_path):
    shutil.copytree(zoo, tmp_path / "zoo")
    before = manifest.read_manifest(zoo)["tiny"]
    entry = completing.complete("tiny", (), tmp_path / "zoo")
    after = manifest.read_manifest(tmp_path / "zoo")["tiny"]
    assert manifest.checksums(entry) == after["files"]
    changed = {n for n in before["files"] if before["files"][n] != after["files"].get(n)}
    assert changed <= {"README.md", "architecture.png", "learning_curve.png"}
    assert after["files"].keys() == before["files"].keys()
    assert (entry / "README.md").read_text() == (zoo / "tiny" / "README.md").read_text()
    with pytest.raises(ValueError, match="Did you mean 'tiny'"):
        completing.complete("tny", (), tmp_path / "zoo")


def test_costs_are_measured_again_where_that_is_asked_for(zoo, tmp_path, monkeypatch):
    shutil.copytree(zoo, tmp_path / "zoo")
    before = json.loads((zoo / "tiny" / "costs.json").read_text())
    monkeypatch.setattr(costs, "measure_costs", lambda *_: {**before, "clips_per_second": 7.0})
    entry = completing.complete("tiny", (costs.FILE_NAME,), tmp_path / "zoo")
    assert "- 7 clips/s on " in (entry / "README.md").read_text()
    assert "- 7 clips/s on " not in (zoo / "tiny" / "README.md").read_text()


@pytest.mark.slow
def test_an_entry_with_attention_is_given_its_notebook_within_its_zoo(zoo, tmp_path):
    shutil.copytree(zoo, tmp_path / "zoo")
    entry = completing.complete("tiny", (notebook.FILE_NAME,), tmp_path / "zoo", 8, progress=False)
    assert (entry / notebook.FILE_NAME).is_file()


@pytest.mark.slow
def test_the_notebook_of_a_control_on_syncmnist(tmp_path, monkeypatch):
    monkeypatch.setattr(publishing, "is_better_than_chance", lambda figures: True)
    small = {"source": {"syncmnist": {"size": 32, "frames": 6}}}
    config = tiny_experiment("sync3_conv_lstm", {"train_data": small, "validation_data": small})
    run = train(config, tmp_path / "run").path
    publish(run, "control", zoo=tmp_path / "zoo", num_clips=8, progress=False)
    missing = completing.lacks("control", tmp_path / "zoo")
    assert missing == (notebook.FILE_NAME,)
    entry = completing.complete("control", missing, tmp_path / "zoo", 8, progress=False)
    stored = nbformat.read(entry / notebook.FILE_NAME, nbformat.NO_CONVERT)
    assert "Which regions attend to which" not in "\n".join(cell.source for cell in stored.cells)
    assert "shape (6, 32, 32, 1), digits of " in texts(stored.cells)[1]
    assert manifest.checksums(entry) == manifest.read_manifest(tmp_path / "zoo")["control"]["files"]
    assert "[evaluation.ipynb](evaluation.ipynb)" in (entry / "README.md").read_text()
