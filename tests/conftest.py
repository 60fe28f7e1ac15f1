import os
import subprocess
import sys

import pytest

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
sys.path.insert(0, os.path.dirname(__file__))  # For the helpers beside the tests.


def pytest_addoption(parser):
    parser.addoption(
        "--write-counts",
        action="store_true",
        help="write how the trials of tests/faults ended into docs/reliability.md",
    )


@pytest.fixture
def small_disk(tmp_path):
    """A file system of its own, of 1 MB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)], capture_output=True
    )
    if mounted.returncode:
        pytest.skip(f"mounting a small disk needs root: {mounted.stderr.decode().strip()}")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


@pytest.fixture(scope="session")
def run(tmp_path_factory):
    """Folder of a finished training of `interactions_rstg`, tiny."""
    from tiny import tiny_experiment

    from rstg_tf.training import train

    return train(tiny_experiment(), tmp_path_factory.mktemp("runs") / "run").path


@pytest.fixture(scope="session")
def zoo(tmp_path_factory, run):
    """A zoo with the entry `tiny`, made of `run`."""
    from tiny import chance_of_nothing

    from rstg_tf.zoo import publish

    directory = tmp_path_factory.mktemp("published") / "zoo"
    with chance_of_nothing():
        publish(run, "tiny", zoo=directory, num_clips=60, command="publish it", progress=False)
    return directory
