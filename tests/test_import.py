"""What importing the package pulls in."""

import pathlib
import subprocess
import sys

REPOSITORY = pathlib.Path(__file__).resolve().parents[1]
WHERE_USED = ["official", "tensorflow_io", "tensorflow_addons", "matplotlib", "cv2", "sklearn"]
WHERE_USED += ["av", "apache_beam", "grpc", "tensorflow_serving", "onnx", "tf2onnx"]


def run(code):
    subprocess.run([sys.executable, "-c", code], check=True, cwd=REPOSITORY)


def test_import_pulls_in_tensorflow_only():
    run(
        "import sys, rstg_tf\n"
        f"heavy = set({WHERE_USED}) & set(sys.modules)\n"
        "assert not heavy, heavy\n"
        "rstg_tf.RSTG, rstg_tf.VideoClassifier, rstg_tf.load_model, rstg_tf.list_models\n"
        "import rstg_tf.serving\n"
        "assert 'grpc' not in sys.modules\n"
        "rstg_tf.serving.Client('model')\n"
        "assert 'grpc' in sys.modules\n"
    )


def test_graph_and_generators_import_without_tensorflow():
    run(
        "import sys\n"
        "sys.modules['tensorflow'] = None\n"
        "import rstg_tf\n"
        "from rstg_tf.data.synthetic.interactions import Interactions\n"
        "from rstg_tf.data.synthetic.syncmnist import SyncMNIST\n"
        "assert rstg_tf.SpaceGraph().num_nodes == 14\n"
        "assert Interactions(size=32, frames=4).batch([0])[0].shape == (1, 4, 32, 32, 3)\n"
    )
