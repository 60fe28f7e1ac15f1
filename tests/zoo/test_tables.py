"""Tables of a zoo: what they hold, and that they say no more than the figures do."""

import json

import pytest

from rstg_tf.evaluation import wilson_interval
from rstg_tf.hub import manifest
from rstg_tf.registry import EXPERIMENTS
from rstg_tf.zoo import plan, reproduction, tables

TEST_SET = {"name": "interactions", "seed": 1}


def entry(experiment, hits, videos=100, clips=1000, **changes):
    rates = {"top_1": hits / clips, "top_1_interval_95": wilson_interval(hits, clips)}
    about = {
        "experiment": experiment,
        "size": "lite",
        "data": "interactions",
        "test_set": TEST_SET,
        "parameters": 12345,
        "videos": videos,
        "figures": {"num_clips": clips, **rates},
        "files": {},
    }
    return about | changes


def lines(text, word):
    return [line for line in text.splitlines() if word in line]


def test_rows_show_ours_beside_theirs_or_the_command():
    entries = {
        "rstg_res4": entry("rstg_res4", 600, files={"evaluation.ipynb": ""}),
        "mine": entry("rstg_res4", 500, videos=7),
        "sync3_rstg_1temp": entry("sync3_rstg_1temp", 400, data="syncmnist3"),
        "of_theirs": {"experiment": "converted", "figures": None, "files": {}},
    }
    text = tables.render(entries)
    first, second = lines(text, "| RSTG-to-map res4 ")
    for words in ("48.4", "78.1", "60.0 (56.9 … 63.0)", "12,345", "interactions, 1,000 clips"):
        assert words in first
    assert "[rstg_res4](rstg_res4/README.md), [notebook](rstg_res4/evaluation.ipynb)" in first
    assert "[mine](mine/README.md)" in second and "notebook" not in second
    (row,) = lines(text, "| RSTG-to-map res2 ")
    assert "not trained" in row and "`python pipelines/build_zoo.py --only=rstg_res2`" in row
    assert "no experiment here" in lines(text, "| TRN ")[0]
    three, five = lines(text, "| RSTG: 1-temp-stage ")
    assert "97.0" in three and "40.0 (37.0 … 43.1)" in three
    assert "74.1" in five and "--only=sync5_rstg_1temp" in five


def test_tables_elsewhere_tell_what_was_not_measured_and_link_to_the_zoo():
    entries = {"i3d": entry("i3d", 500), "c2d": entry("c2d", 300, figures=None)}
    text = tables.render(entries, folder="../zoo/")
    assert "[i3d](../zoo/i3d/README.md)" in lines(text, "| I3D ")[0]
    (row,) = lines(text, "| C2D ")
    assert "not measured again" in row and "build_zoo.py" not in row
    assert "(../zoo/../docs/syncmnist_recipe.md)" in text


def test_only_what_intervals_show_is_said():
    entries = {
        "i3d": entry("i3d", 500),
        "rstg_res2": entry("rstg_res2", 400),
        "rstg_res3": entry("rstg_res3", 510),
        "rstg_res3_4": entry("rstg_res3_4", 600, videos=200),
        "rstg_vec": entry("rstg_vec", 900, test_set={"name": "interactions", "seed": 2}),
    }
    text = tables.read_out(entries)
    assert lines(text, "- ") == [
        "- `i3d` is better than `rstg_res2` by 10.0 points (50.0 % and 40.0 %); "
        "published: 41.6 % and 46.9 %.",
        "- `rstg_res3_4` is better than `i3d` by 10.0 points (60.0 % and 50.0 %); "
        "they saw 200 and 100 videos; published: 49.2 % and 41.6 %.",
        "- `rstg_res3_4` is better than `rstg_res2` by 20.0 points (60.0 % and 40.0 %); "
        "they saw 200 and 100 videos; published: 49.2 % and 46.9 %.",
        "- `rstg_res3_4` is better than `rstg_res3` by 9.0 points (60.0 % and 51.0 %); "
        "they saw 200 and 100 videos; published: 49.2 % and 47.7 %.",
        "- Their intervals do not tell apart: `rstg_res3` and `i3d`.",
    ]
    assert "No two models" in tables.read_out({"i3d": entry("i3d", 500)})


def test_an_experiment_of_ones_own_has_the_row_that_it_states(monkeypatch):
    def register(name, **about):
        monkeypatch.setitem(EXPERIMENTS._entries, name, (None, about))

    register("toy", table="Interactions", compare_with=("interactions_mean",))
    register("mine", table="My data", top_1=12.3)
    register("other")
    entries = {"toy": entry("toy", 900), "interactions_mean": entry("interactions_mean", 500)}
    text = tables.render(entries)
    assert "90.0 (88.0 … 91.7)" in lines(text.split("## Interactions")[1], "| toy ")[0]
    assert "12.3" in lines(text.split("## My data")[1], "| mine ")[0]
    assert "--only=other" in lines(text.split("## Other experiments")[1], "| other ")[0]
    assert "- `toy` is better than `interactions_mean` by 40.0 points" in text
    assert {"toy", "mine", "other"} <= {*plan.experiments_in_order()}
    register("wrong", tabel="Interactions")
    with pytest.raises(ValueError, match=r"table, method, .*'tabel'.* for 'wrong'"):
        tables.render(entries)


def test_models_of_another_size_are_compared_with_one_another():
    of_paper = {
        "i3d_paper": entry("i3d", 500, size="paper"),
        "rstg_res2_paper": entry("rstg_res2", 400, size="paper"),
        "rstg_res2": entry("rstg_res2", 300),
    }
    assert lines(tables.read_out(of_paper), "- ") == [
        "- `i3d_paper` is better than `rstg_res2_paper` by 10.0 points (50.0 % and 40.0 %); "
        "published: 41.6 % and 46.9 %.",
    ]


def test_the_text_around_the_tables_stays(tmp_path):
    manifest.write_manifest(tmp_path / manifest.FILE_NAME, {"i3d": entry("i3d", 500)})
    path = tmp_path / "README.md"
    path.write_text("# My zoo\n\nKeep me.\n")
    tables.refresh(tmp_path)
    text = path.read_text()
    assert text.startswith("# My zoo\n\nKeep me.\n\n<!-- Tables")
    path.write_text(f"{text}\nAnd me.\n")
    manifest.write_manifest(tmp_path / manifest.FILE_NAME, {"i3d": entry("i3d", 700)})
    tables.refresh(tmp_path)
    changed = path.read_text()
    assert changed.startswith("# My zoo\n\nKeep me.\n") and changed.endswith("\nAnd me.\n")
    assert "70.0 (67.1 … 72.8)" in changed and "50.0" not in changed
    tables.refresh(tmp_path)
    assert path.read_text() == changed


def test_a_figure_moves_where_the_intervals_do_not_meet():
    before, near, far = (entry("i3d", hits)["figures"] for hits in (500, 540, 600))
    assert reproduction.moved("i3d", before, near) == []
    (move,) = reproduction.moved("i3d", before, far)
    assert str(move) == "i3d: top_1 was 50.0 (46.9 … 53.1) and is 60.0 (56.9 … 63.0)"


def test_the_zoo_of_this_repository_has_the_tables_of_its_manifest():
    zoo = manifest.zoo_directory()
    entries = json.loads((zoo / "manifest.json").read_text())["models"]
    assert tables.render(entries) in (zoo / "README.md").read_text()
