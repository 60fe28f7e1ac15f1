import importlib
import sys

import pytest

from rstg_tf import registry


@pytest.fixture
def fruit(tmp_path, monkeypatch):
    """A registry of a package of one module."""
    package = tmp_path / "orchard"
    package.mkdir()
    (package / "__init__.py").write_text(
        "from rstg_tf.registry import Registry\nFRUIT = Registry('fruit', 'orchard')\n"
    )
    (package / "apples.py").write_text(
        "from orchard import FRUIT\n@FRUIT.register('apple', colour='red')\ndef apple(): ...\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    import orchard

    yield orchard.FRUIT
    for name in ("orchard", "orchard.apples", "basket", "apples_and_pears"):
        sys.modules.pop(name, None)
    registry.import_modules.cache_clear()


def test_modules_and_plug_ins_are_found_by_themselves(fruit, tmp_path, monkeypatch):
    assert fruit.list() == ["apple"] and fruit.list("p*") == []
    assert fruit.get("apple").__name__ == "apple" and fruit.about("apple") == {"colour": "red"}
    (tmp_path / "basket.py").write_text(
        "from orchard import FRUIT\nFRUIT.register('apricot')(list)\n"
    )
    point = tmp_path / "basket-1.0.dist-info"
    point.mkdir()
    (point / "METADATA").write_text("Metadata-Version: 2.1\nName: basket\nVersion: 1.0\n")
    (point / "entry_points.txt").write_text("[rstg_tf.plugins]\nbasket = basket\n")
    monkeypatch.setenv(registry.VARIABLE, "apples_and_pears, ")
    with pytest.raises(ValueError, match=r"RSTG_TF_PLUGINS.*Received: 'apples_and_pears'"):
        fruit.list()
    (tmp_path / "apples_and_pears.py").write_text(
        "from orchard import FRUIT\nFRUIT.register('pear')(list)\n"
    )
    importlib.invalidate_caches()
    assert fruit.list() == ["apple", "apricot", "pear"]
    assert registry.load_plugins()[-2:] == ("basket", "apples_and_pears")


def test_errors_show_the_closest_names(fruit):
    with pytest.raises(ValueError, match=r"no such fruit.*\['apple'\].*Received: fruit='aple'"):
        fruit.get("aple")
    with pytest.raises(ValueError, match=r"name of its own. Received: 'apple'"):
        fruit.list() and fruit.register("apple")(list)


def test_all_four_kinds_are_there():
    assert {"simple_conv", "video_resnet"} <= set(registry.BACKBONES.list())
    assert {"average", "conv_lstm", "mean", "mean_lstm", "rstg"} <= set(registry.HEADS.list())
    assert {"interactions", "syncmnist"} <= set(registry.SOURCES.list())
    assert "rstg_res3_4" in registry.EXPERIMENTS.list()
