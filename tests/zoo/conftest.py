import pytest
from tiny import chance_of_nothing, tiny_experiment

from rstg_tf.training import train
from rstg_tf.zoo import publish


@pytest.fixture(scope="session")
def run(tmp_path_factory):
    """Folder of a finished training of `interactions_rstg`, tiny."""
    return train(tiny_experiment(), tmp_path_factory.mktemp("runs") / "run").path


@pytest.fixture(scope="session")
def zoo(tmp_path_factory, run):
    """A zoo with the entry `tiny`, made of `run`."""
    directory = tmp_path_factory.mktemp("published") / "zoo"
    with chance_of_nothing():
        publish(run, "tiny", zoo=directory, num_clips=60, command="publish it", progress=False)
    return directory
