import sys
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from rstg_tf.evaluation.subject import Subject
from rstg_tf.models import VideoClassifier
from rstg_tf.serving import export_model
from rstg_tf.serving.settings import settings_of

sys.path.insert(0, str(Path(__file__).parent))  # For the server beside the tests.
from model_server import ModelServer


@pytest.fixture(scope="session")
def clips():
    """uint8 `[2, 4, 32, 32, 3]`."""
    return np.random.default_rng(0).integers(0, 256, (2, 4, 32, 32, 3), np.uint8)


@pytest.fixture(scope="session")
def subject():
    """A tiny model that can stream."""
    tf.keras.utils.set_random_seed(3)
    head = {"scales": (2, 1), "node_dim": 8, "message_dim": 8, "iterations": 1, "final": "mean"}
    model = VideoClassifier(3, backbone_options={"filters": (4, 8, 8)}, head_options=head)
    return Subject("tiny", model, ["pushing", "pulling", "nothing"], None, Path("unused"))


@pytest.fixture(scope="session")
def settings(subject):
    return settings_of(subject, frames=4, size=32, short_side=40, top=2, max_frames=64)


@pytest.fixture(scope="session")
def exported(subject, settings, tmp_path_factory):
    """Folder of the exported model: version 1."""
    return export_model(subject, settings, tmp_path_factory.mktemp("models") / "tiny")


@pytest.fixture(scope="session")
def server(exported):
    """A server of the exported model."""
    with ModelServer(exported.parent, {"stable": 1}) as running:
        yield running
