"""The documentation builds without a warning, its links lead somewhere, its figures are true."""

import importlib.util
import os
import pathlib
import subprocess
import sys

import pytest

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]


def build(site, config=REPOSITORY / "mkdocs.yml"):
    return subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "-f", str(config), "-d", str(site)],
        cwd=REPOSITORY,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
    )


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    site = tmp_path_factory.mktemp("docs") / "site"
    done = build(site)
    assert done.returncode == 0, done.stderr
    assert "WARNING" not in done.stderr
    return site


def test_the_reference_has_every_public_name(site):
    import rstg_tf

    pages = "".join(path.read_text() for path in site.glob("reference/*/index.html"))
    for name in rstg_tf.__all__:
        assert f'.{name}"' in pages, name


def test_pages_fetch_nothing_from_elsewhere(site):
    for path in site.rglob("*.html"):
        for tag in ('<script src="http', '<img src="http', '<link rel="stylesheet" href="http'):
            assert tag not in path.read_text(), path


def test_a_dead_link_fails(tmp_path):
    """The check can fail."""
    text = (REPOSITORY / "mkdocs.yml").read_text()
    nav, folder = text.index("\nnav:"), tmp_path / "docs"
    folder.mkdir()
    (folder / "index.md").write_text("# Page\n\n[nowhere](nowhere.md)\n")
    config = tmp_path / "mkdocs.yml"
    config.write_text(text[:nav])
    done = build(tmp_path / "site", config)
    assert done.returncode and "nowhere.md" in done.stderr


def test_figures_of_the_pages_are_those_of_the_models():
    spec = importlib.util.spec_from_file_location("figures", REPOSITORY / "docs/figures.py")
    figures = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(figures)
    for path, made in figures.pages().items():
        text = path.read_text()
        assert figures.replaced(text, made) == text, f"python docs/figures.py: {path}"
        assert text.count(figures.BEGIN) == text.count(figures.END) == 1
