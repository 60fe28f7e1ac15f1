"""Entries come whole or not at all, whatever happens in between."""

import errno
import json
import multiprocessing
import os
import signal
import subprocess
import threading
import types

import pytest

from rstg_tf import files
from rstg_tf.hub import manifest
from rstg_tf.zoo import store


def fill(zoo, name, text="weights", **kwargs):
    with store.new_entry(zoo, name, **kwargs) as (part, about):
        (part / "variables").mkdir()
        (part / "variables" / "data").write_text(text)
        (part / "README.md").write_text(name)
        about["data"] = "interactions"


def is_consistent(zoo, names):
    """Whether the zoo holds these entries, as its manifest says, and nothing else."""
    entries = manifest.read_manifest(zoo)
    for name in names:
        assert manifest.checksums(zoo / name) == entries[name]["files"]
    listed = {*names, manifest.FILE_NAME} if (zoo / manifest.FILE_NAME).exists() else set()
    return set(entries) == set(names) and {path.name for path in zoo.iterdir()} == listed


def die(*_):
    os.kill(os.getpid(), signal.SIGKILL)


def run_killed(function, *args):
    """Runs a function in a process of its own, which it ends by `die()`."""
    process = multiprocessing.get_context("fork").Process(target=function, args=args)
    process.start()
    process.join()
    assert process.exitcode == -signal.SIGKILL


def test_an_entry_has_its_files_and_their_checksums(tmp_path):
    fill(tmp_path / "zoo", "one")
    entry = json.loads((tmp_path / "zoo" / "manifest.json").read_text())["models"]["one"]
    assert entry["data"] == "interactions"
    done = subprocess.run(
        ["sha256sum", "README.md", "variables/data"],
        cwd=tmp_path / "zoo" / "one",
        capture_output=True,
        text=True,
        check=True,
    )
    assert entry["files"] == dict(line.split()[::-1] for line in done.stdout.splitlines())
    assert is_consistent(tmp_path / "zoo", ["one"])


def test_an_entry_is_replaced_only_where_that_is_asked_for(tmp_path):
    fill(tmp_path, "one", "old")
    with pytest.raises(FileExistsError, match="--overwrite"):
        fill(tmp_path, "one", "new")
    assert (tmp_path / "one/variables/data").read_text() == "old"
    fill(tmp_path, "one", "new", overwrite=True)
    assert (tmp_path / "one/variables/data").read_text() == "new"
    assert is_consistent(tmp_path, ["one"])


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", ".hidden", "manifest.json", "a b", "-a"])
def test_a_name_that_is_no_folder_is_refused(tmp_path, name):
    with pytest.raises(ValueError, match="name of a model"):
        fill(tmp_path, name)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("error", [RuntimeError("stop"), KeyboardInterrupt()])
def test_what_fails_half_way_leaves_nothing(tmp_path, error):
    fill(tmp_path, "one")
    with pytest.raises(type(error)), store.new_entry(tmp_path, "two") as (part, _):
        (part / "data").write_text("half")
        raise error
    assert is_consistent(tmp_path, ["one"])


@pytest.mark.parametrize("overwrite", [False, True])
def test_a_full_disk_at_the_last_file_leaves_all_as_it_was(tmp_path, monkeypatch, overwrite):
    fill(tmp_path, "one", "old")

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(manifest, "write_manifest", full)
        with pytest.raises(OSError, match="nothing was left behind") as caught:
            fill(tmp_path, "one" if overwrite else "two", "new", overwrite=overwrite)
    assert caught.value.errno == errno.ENOSPC
    assert (tmp_path / "one/variables/data").read_text() == "old"
    assert is_consistent(tmp_path, ["one"])


def test_what_a_killed_process_left_is_cleared_up(tmp_path):
    def publish_half():
        with store.new_entry(tmp_path, "two") as (part, _):
            (part / "data").write_text("half")
            die()

    fill(tmp_path, "one")
    run_killed(publish_half)
    assert set(manifest.read_manifest(tmp_path)) == {"one"}
    fill(tmp_path, "three")
    assert is_consistent(tmp_path, ["one", "three"])


def at(step):
    """Lets this process die before a step of placing an entry, or after the last one."""
    if step == "placed":
        exchange = files.exchange
        files.exchange = lambda *names: (exchange(*names), die())
    elif step == "listed":
        replace = os.replace
        files.os = types.SimpleNamespace(
            **{**vars(os), "replace": lambda *names: (replace(*names), die())}
        )
    else:
        manifest.write_manifest = die


@pytest.mark.parametrize("step", ["written", "placed", "listed"])
def test_a_process_killed_while_an_entry_is_replaced(tmp_path, step):
    def replace():
        at(step)
        fill(tmp_path, "one", "new", overwrite=True)

    fill(tmp_path, "one", "old")
    run_killed(replace)
    expected = "old" if step == "written" else "new"
    for again in (False, True):
        _, entry = manifest.read_entry(tmp_path / "one")
        manifest.verify(tmp_path / "one", entry["files"])
        assert (tmp_path / "one/variables/data").read_text() == expected
        if not again:
            fill(tmp_path, "two")  # Clears up.
    assert is_consistent(tmp_path, ["one", "two"])


def test_an_entry_whose_process_was_killed_before_it_was_listed_comes_in(tmp_path):
    def publish():
        rename = os.rename
        files.os = types.SimpleNamespace(
            **{**vars(os), "rename": lambda *names: (rename(*names), die())}
        )
        fill(tmp_path, "new")

    fill(tmp_path, "one")
    run_killed(publish)
    assert set(manifest.read_manifest(tmp_path)) == {"one"}
    fill(tmp_path, "two")
    assert is_consistent(tmp_path, ["one", "two", "new"])


def test_two_that_publish_at_once_both_come_in(tmp_path):
    threads = [threading.Thread(target=fill, args=(tmp_path, f"m{i}")) for i in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert is_consistent(tmp_path, [f"m{i}" for i in range(8)])


def test_the_zoo_can_be_read_by_others(tmp_path):
    umask = os.umask(0o022)
    try:
        fill(tmp_path / "zoo", "one")
    finally:
        os.umask(umask)
    assert (tmp_path / "zoo" / "one").stat().st_mode & 0o777 == 0o755


NAMES = {
    "../outside": "paths within its folder",
    "/etc/passwd": "paths within its folder",
    "a/../b": "paths within its folder",
    "a//b": "paths within its folder",
    "": "paths within its folder",
    "a\\b": "paths within its folder",
    "a\nb": "paths within its folder",
    "entry.json": "paths within its folder",
    "README.MD": "upper and lower case",
}


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("where", ["manifest.json", "one/entry.json"])
def test_names_of_files_stay_within_the_entry(tmp_path, name, where):
    fill(tmp_path, "one")
    path = tmp_path / where
    content = json.loads(path.read_text())
    entry = content["models"]["one"] if where == "manifest.json" else content
    entry["files"][name] = "0" * 64
    path.write_text(json.dumps(content))
    read = manifest.read_manifest if where == "manifest.json" else manifest.read_entry
    with pytest.raises(ValueError, match=f"{NAMES[name]}.*{where}"):
        read(path.parent)


def test_no_byte_of_what_is_said_of_an_entry_changes_unseen(tmp_path):
    fill(tmp_path, "one")
    for path, read in (
        (tmp_path / "one" / "entry.json", lambda: manifest.read_entry(tmp_path / "one")),
        (tmp_path / "manifest.json", lambda: manifest.read_manifest(tmp_path)),
    ):
        good, before = path.read_bytes(), read()
        for place in range(0, len(good), 3):
            path.write_bytes(good[:place] + bytes([good[place] ^ 1]) + good[place + 1 :])
            try:
                assert read() == before, place  # A space may change.
            except ValueError as error:
                assert str(path) in str(error)
        path.write_bytes(good)


def test_names_that_differ_in_case_only_are_refused(tmp_path):
    fill(tmp_path, "one")
    with pytest.raises(FileExistsError, match=r"case only.*ONE, beside one"):
        fill(tmp_path, "ONE")


def make_link(path):
    path.symlink_to("README.md")


@pytest.mark.parametrize("make", [os.mkfifo, make_link, lambda path: path.write_text("")])
def test_files_beside_the_listed_ones_are_named(tmp_path, make):
    fill(tmp_path, "one")
    make(tmp_path / "one" / "variables" / "stray")
    _, entry = manifest.read_entry(tmp_path / "one")
    with pytest.raises(ValueError, match="variables/stray, "):
        manifest.verify(tmp_path / "one", entry["files"])


def test_a_read_only_zoo_is_told_before_the_entry_is_made(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match=r"can't be written there.*file/zoo"):
        fill(tmp_path / "file" / "zoo", "one")
