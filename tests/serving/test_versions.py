import threading

import pytest

from rstg_tf.serving.exporting import list_versions, new_version

FILES = ("saved_model.pb", "labels.txt")


def write(folder, version=None, keep=3):
    with new_version(folder, version, keep) as (part, path):
        for name in FILES:
            (part / name).write_text(name)
    return path


def test_versions_are_numbered_and_the_newest_stay(tmp_path):
    assert [write(tmp_path / "model").name for _ in range(5)] == ["1", "2", "3", "4", "5"]
    assert list_versions(tmp_path / "model") == [3, 4, 5]
    write(tmp_path / "model", keep=1)
    assert list_versions(tmp_path / "model") == [6]
    write(tmp_path / "model", version=2, keep=1)  # What was asked for is never what is removed.
    assert list_versions(tmp_path / "model") == [2]


def test_versions_are_not_replaced_and_numbers_are_checked(tmp_path):
    write(tmp_path, version=7)
    with pytest.raises(FileExistsError, match="never replaced"):
        write(tmp_path, version=7)
    with pytest.raises(ValueError, match="Received: 0"):
        write(tmp_path, version=0)
    with pytest.raises(ValueError, match="Received: keep=0"):
        write(tmp_path, keep=0)
    assert write(tmp_path).name == "8"


def test_a_failure_leaves_nothing_and_removes_nothing(tmp_path):
    write(tmp_path)
    with pytest.raises(RuntimeError), new_version(tmp_path, keep=1) as (part, _):
        (part / FILES[0]).write_text("half")
        raise RuntimeError
    (tmp_path / ".2.part").mkdir()  # As a killed process would.
    (tmp_path / "²").mkdir()  # No number to a server.
    assert list_versions(tmp_path) == [1]
    write(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["1", "2", "²"]


def test_who_watches_the_folder_sees_whole_versions_only(tmp_path):
    seen, done = [], threading.Event()

    def watch():
        while not done.is_set():
            for path in tmp_path.iterdir():
                if path.name.isdigit():
                    seen.append({file.name for file in path.iterdir()} == set(FILES))

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        for _ in range(40):
            write(tmp_path, keep=100)
    finally:
        done.set()
        watcher.join()
    assert seen and all(seen)


def test_two_that_export_at_once_get_numbers_of_their_own(tmp_path):
    threads = [threading.Thread(target=write, args=(tmp_path,), kwargs={"keep": 9}) for _ in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert list_versions(tmp_path) == [1, 2, 3, 4]
