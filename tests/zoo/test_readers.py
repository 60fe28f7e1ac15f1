"""Who reads an entry while it is replaced gets the old one or the new one."""

import multiprocessing
import os
import random
import signal
import time

import pytest

from rstg_tf import files
from rstg_tf.hub import entries, entry_lock, manifest
from rstg_tf.zoo import store

fork = multiprocessing.get_context("fork")


def fill(zoo, text):
    with store.new_entry(zoo, "one", overwrite=True) as (part, _):
        for file in ("saved_model.pb", "weights"):
            (part / file).write_text(text)


def overwrite(zoo, pause=0.0):
    for number in range(1_000_000):
        fill(zoo, f"{number:>8}")
        time.sleep(pause)


@pytest.fixture
def pause():
    """Seconds between two overwrites."""
    return 0.0


@pytest.fixture
def zoo(tmp_path, pause):
    """A zoo whose entry `one` is there, and is overwritten by another process."""
    fill(tmp_path / "zoo", "first")
    writer = fork.Process(target=overwrite, args=(tmp_path / "zoo", pause))
    writer.start()
    yield tmp_path / "zoo"
    writer.kill()
    writer.join()


def read_slowly(directory):
    first = (directory / "saved_model.pb").read_text()
    time.sleep(0.02)
    return first, (directory / "weights").read_text()


@pytest.mark.parametrize("by_path", [False, True])
def test_no_read_fails_or_mixes_while_an_entry_is_overwritten(zoo, by_path):
    seen = set()
    for _ in range(60):
        first, second = entries.read_entry(zoo / "one" if by_path else "one", zoo, read_slowly)
        assert first == second
        seen.add(first)
    assert len(seen) > 5  # The writer got its turn, too.


@pytest.mark.parametrize("pause", [0.2])  # Nothing but luck gives a reader its turn without.
def test_without_locks_a_reader_looks_again(zoo, monkeypatch):
    """As on file systems that have none, or beside a writer that waited long enough."""
    monkeypatch.setattr(entry_lock, "_lock", lambda *_: None)
    monkeypatch.setattr(entries, "_TRIES", 100)
    for _ in range(20):
        first, second = entries.read_entry("one", zoo, read_slowly)
        assert first == second


def test_a_writer_killed_at_any_moment_leaves_a_readable_entry(tmp_path):
    fill(tmp_path, "first")
    for seed in range(20):
        writer = fork.Process(target=overwrite, args=(tmp_path,))
        writer.start()
        time.sleep(random.Random(seed).uniform(0.01, 0.1))
        os.kill(writer.pid, signal.SIGKILL)
        writer.join()
        first, second = entries.read_entry("one", tmp_path, read_slowly)
        assert first == second
    fill(tmp_path, "last")
    assert {path.name for path in tmp_path.iterdir()} == {"one", manifest.FILE_NAME}
    assert manifest.read_manifest(tmp_path)["one"] == manifest.read_entry(tmp_path / "one")[1]


def test_a_stale_manifest_is_no_error_and_is_mended(tmp_path):
    fill(tmp_path, "old")
    stale = (tmp_path / manifest.FILE_NAME).read_text()
    fill(tmp_path, "new")
    (tmp_path / manifest.FILE_NAME).write_text(stale)
    assert entries.read_entry("one", tmp_path, read_slowly) == ("new", "new")
    with store.new_entry(tmp_path, "two") as (part, _):
        (part / "weights").write_text("two")
    assert manifest.read_manifest(tmp_path)["one"] == manifest.read_entry(tmp_path / "one")[1]


def stray(name):
    return lambda directory: (directory / name).write_text("")


def unlisted(directory):
    (directory / manifest.ENTRY).unlink()
    (directory.parent / manifest.FILE_NAME).write_text('{"models": {}}')


def no_files(directory):
    (directory / manifest.ENTRY).unlink()
    (directory.parent / manifest.FILE_NAME).write_text('{"models": {"one": {"files": {}}}}')


def link(directory):
    directory.rename(directory.with_name("elsewhere"))
    directory.symlink_to("elsewhere")


def another(directory):
    with store.new_entry(directory.parent, "two") as (part, _):
        (part / "saved_model.pb").write_text("")
    files.exchange(directory, directory.with_name("two"))


CHANGES = {
    "a file beside the listed ones": (stray("__init__.py"), "__init__.py, which is not listed"),
    "files of a training": (stray("classes.txt"), "classes.txt, which is not listed"),
    "an entry that is not listed": (unlisted, "must be listed"),
    "no files listed": (no_files, "saved_model.pb, which is not listed"),
    "a link": (link, "a link|published as"),
    "another entry": (another, "published as 'two'"),
}


@pytest.mark.parametrize("what", CHANGES)
@pytest.mark.parametrize("by_path", [False, True])
def test_what_is_not_the_published_entry_is_refused(tmp_path, what, by_path):
    fill(tmp_path, "first")
    change, message = CHANGES[what]
    change(tmp_path / "one")
    name = tmp_path / "one" if by_path or "not listed" in what else "one"
    with pytest.raises(ValueError, match=message):
        entries.verified_directory(name, tmp_path)


def test_a_folder_of_no_zoo_is_only_found(tmp_path):
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "saved_model.pb").write_text("")
    assert entries.verified_directory(tmp_path / "own", tmp_path / "zoo") == tmp_path / "own"
