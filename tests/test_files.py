"""Files that are there whole or not at all: against kills, other processes and full disks."""

import errno
import multiprocessing
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import threading
import time

import pytest

from rstg_tf import files


def test_file_takes_its_place_at_the_end(tmp_path):
    path = tmp_path / "file"
    path.write_text("old")
    with files.written_whole(path) as part:
        part.write_text("new")
        assert path.read_text() == "old"
        assert part.parent == tmp_path
    assert path.read_text() == "new"
    assert os.listdir(tmp_path) == ["file"]


def test_file_stays_where_writing_fails(tmp_path):
    path = tmp_path / "file"
    path.write_text("old")
    with pytest.raises(ZeroDivisionError), files.written_whole(path) as part:
        part.write_text("new")
        raise ZeroDivisionError
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["file"]


def test_folder_takes_the_place_of_another(tmp_path):
    path = tmp_path / "folder"
    for text in ("old", "new"):
        with files.folder_written_whole(path) as part:
            (part / "below").mkdir()
            (part / "below" / text).write_text(text)
    assert [p.relative_to(path).as_posix() for p in path.rglob("*")] == ["below", "below/new"]
    assert os.listdir(tmp_path) == ["folder"]


@pytest.mark.parametrize("written", [files.written_whole, files.folder_written_whole])
def test_synced_before_it_is_renamed_and_its_name_after(tmp_path, monkeypatch, written):
    log = []
    for name in ("fsync", "replace", "rename"):
        real = getattr(os, name)

        def spied(*arguments, name=name, real=real):
            what = os.readlink(f"/proc/self/fd/{arguments[0]}") if name == "fsync" else ""
            log.append((name, what))
            return real(*arguments)

        monkeypatch.setattr(os, name, spied)
    with written(tmp_path / "wanted") as part:
        content = part / "content" if part.is_dir() else part
        content.write_text("text")
    kinds = [name for name, _ in log]
    renamed = next(n for n, kind in enumerate(kinds) if kind != "fsync")
    before = [what for _, what in log[:renamed]]
    assert str(content) in before and str(part) in before
    assert log[renamed + 1 :] == [("fsync", str(tmp_path))]


@pytest.mark.parametrize("written", [files.written_whole, files.folder_written_whole])
def test_missing_folders_are_made_and_synced_and_hidden_parts_not_named(
    tmp_path, monkeypatch, written
):
    synced = []
    monkeypatch.setattr(files, "sync_entry", lambda path: synced.append(str(path)))
    path = tmp_path / "a" / "b" / "wanted"
    with pytest.raises(OSError, match=rf"denied: '{path}") as caught, written(path) as part:
        raise PermissionError(errno.EACCES, "Permission denied", f"{part}/inside")
    assert caught.value.filename == f"{path}/inside"
    assert synced == [str(tmp_path / "a"), str(tmp_path / "a" / "b")]
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match=rf"can't be written.*{tmp_path}/file'$"):
        written(tmp_path / "file" / "wanted").__enter__()
    with pytest.raises(ValueError, match=r"on this machine.*s3:/bucket"):
        written("s3://bucket/wanted").__enter__()


def _write(path, text, times):
    for _ in range(times):
        with files.written_whole(path) as part:
            part.write_text(text)


def test_processes_do_not_write_into_each_others_parts(tmp_path):
    path = tmp_path / "file"
    texts = [letter * 100_000 for letter in "ab"]
    context = multiprocessing.get_context("fork")
    writers = [context.Process(target=_write, args=(path, text, 50)) for text in texts]
    for writer in writers:
        writer.start()
    seen = set()
    while any(writer.is_alive() for writer in writers):
        if path.exists():
            seen.add(path.read_text())
    assert [writer.exitcode for writer in writers] == [0, 0]
    assert seen <= set(texts)
    assert os.listdir(tmp_path) == ["file"]


def test_exchange_leaves_no_moment_without_the_folder(tmp_path):
    for name in ("one", "other"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "file").write_text(name)
    reader = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import sys, itertools\n"
            "for n in itertools.count():\n"
            "    open(sys.argv[1]).read()\n"
            "    if n == 0: print('begun', flush=True)",
            str(tmp_path / "one" / "file"),
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    reader.stdout.readline()
    end = time.monotonic() + 0.5
    while time.monotonic() < end:
        files.exchange(tmp_path / "one", tmp_path / "other")
    assert reader.poll() is None, reader.stderr.read()
    reader.kill()
    reader.communicate()


def test_exchange_where_the_file_system_has_none(tmp_path, monkeypatch):
    monkeypatch.setattr(files, "_AT_FDCWD", -1)  # No such folder: EBADF.
    monkeypatch.setattr(files, "_NO_EXCHANGE", (errno.EBADF,))
    for name in ("one", "other"):
        (tmp_path / name).write_text(name)
    files.exchange(tmp_path / "one", tmp_path / "other")
    assert (tmp_path / "one").read_text() == "other"
    assert (tmp_path / "other").read_text() == "one"
    assert sorted(os.listdir(tmp_path)) == ["one", "other"]


_KILLED = """
import os, signal, sys
from rstg_tf import files
with getattr(files, sys.argv[1])(sys.argv[2]) as part:
    if part.is_dir():
        part = part / "content"
    part.write_text("half")
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.parametrize("function", ["written_whole", "folder_written_whole"])
def test_parts_of_killed_processes_are_cleared_and_others_are_not(tmp_path, function):
    path = tmp_path / "wanted [*]"  # A name with the wildcards of a shell.
    killed = subprocess.run([sys.executable, "-c", _KILLED, function, str(path)])
    assert killed.returncode == -signal.SIGKILL
    assert len(os.listdir(tmp_path)) == 1
    with files.written_whole(path) as alive:
        assert os.listdir(tmp_path) == [alive.name]
        with files.written_whole(path) as second:
            second.write_text("second")
        assert alive.exists()
        alive.write_text("first")
    assert os.listdir(tmp_path) == [path.name]
    assert path.read_text() == "first"


def test_names_as_long_as_names_can_be(tmp_path):
    path = tmp_path / ("ä" * 127)  # 254 bytes of 255.
    with files.written_whole(path) as part:
        part.write_text("text")
    assert path.read_text() == "text"


def test_lock_is_told_or_waited_for_and_ends_with_the_process(tmp_path, caplog):
    holder = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import sys, time\nfrom rstg_tf import files\n"
            "with files.locked(sys.argv[1]): print('held', flush=True); time.sleep(60)",
            str(tmp_path),
        ],
        stdout=subprocess.PIPE,
    )
    holder.stdout.readline()
    with pytest.raises(BlockingIOError), files.locked(tmp_path, wait=False):
        pass
    threading.Timer(1.5, holder.kill).start()
    with files.locked(tmp_path):
        holder.communicate()
    assert caplog.messages == [f"another process works in {tmp_path}; waiting for it"]


def test_full_disk_leaves_what_was_there(small_disk):
    path = small_disk / "file"
    path.write_text("old")
    with pytest.raises(OSError, match=f"No space left.*{path}"), files.written_whole(path) as part:
        part.write_bytes(b"x" * 2**21)
    assert path.read_text() == "old"
    assert os.listdir(small_disk) == ["file"]


def test_room_is_checked_before_long_work(small_disk):
    files.check_room(small_disk / "new", 2**19)
    with pytest.raises(OSError, match=f"10 MB free.*{small_disk}"):
        files.check_room(small_disk, 10**7)
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    with pytest.raises(OSError, match=f"can't be written.*Read-only.*{small_disk}"):
        files.check_room(small_disk)


@pytest.mark.parametrize("named", ["missing", "file", "disk"])
def test_a_folder_for_temporary_files_that_can_not_be_used_is_named(
    small_disk, tmp_path, monkeypatch, named
):
    (tmp_path / "file").write_text("")
    (small_disk / "filler").write_bytes(b"x" * 2**20)
    monkeypatch.setenv("TMPDIR", str(tmp_path / named))
    with pytest.raises(OSError, match=str(tmp_path / named)), files.temporary_folder():
        pass
    assert not (tmp_path / "missing").exists()


def test_a_disk_that_gets_full_under_temporary_files_is_named(small_disk, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(small_disk))
    monkeypatch.delenv("TMPDIR", raising=False)
    with (
        pytest.raises(OSError, match=f"No space left.*{small_disk}"),
        files.temporary_folder(2**19) as folder,
    ):
        pathlib.Path(folder, "file").write_bytes(b"x" * 2**21)
    assert not list(small_disk.iterdir())


@pytest.mark.parametrize("name", ["s3://bucket/run", "gs://bucket", "s3:"])
def test_an_address_is_no_folder(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match="on this machine"):
        files.check_room(name)
    assert not list(tmp_path.iterdir())


def test_room_in_what_is_no_folder(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match="file"):
        files.check_room(tmp_path / "file" / "below")
