"""What importing the package pulls in."""

import pathlib
import subprocess
import sys

import pytest

REPOSITORY = pathlib.Path(__file__).resolve().parents[1]
WHERE_USED = ["official", "tensorflow_io", "tensorflow_addons", "matplotlib", "cv2", "sklearn"]
WHERE_USED += ["av", "apache_beam", "grpc", "tensorflow_serving", "onnx", "tf2onnx"]


def run(code):
    subprocess.run([sys.executable, "-c", code], check=True, cwd=REPOSITORY)


def test_import_pulls_in_nothing_heavy():
    run(
        "import sys, rstg_tf\n"
        "heavy = {'tensorflow', 'numpy', 'keras'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )


def test_models_pull_in_tensorflow_only():
    run(
        "import sys, rstg_tf\n"
        "rstg_tf.RSTG, rstg_tf.VideoClassifier, rstg_tf.load_model, rstg_tf.list_models\n"
        f"heavy = set({WHERE_USED}) & set(sys.modules)\n"
        "assert not heavy, heavy\n"
        "import rstg_tf.serving\n"
        "assert 'grpc' not in sys.modules\n"
        "rstg_tf.serving.Client('model')\n"
        "assert 'grpc' in sys.modules\n"
    )


def test_public_names_and_parts_of_data_are_attributes():
    run(
        "import pkgutil, rstg_tf\n"
        "for name in rstg_tf.data.__all__:\n"
        "    assert getattr(rstg_tf.data, name).__name__ == name\n"
        "for part in pkgutil.iter_modules(rstg_tf.data.__path__):\n"
        "    assert getattr(rstg_tf.data, part.name).__name__ == f'rstg_tf.data.{part.name}'\n"
        "assert {'Shards', 'synthetic'} <= set(dir(rstg_tf.data))\n"
        "assert not hasattr(rstg_tf.data, 'nothing')\n"
    )


def test_public_names_and_parts_are_attributes():
    run(
        "import pathlib, rstg_tf\n"
        "for name in rstg_tf.__all__:\n"
        "    assert getattr(rstg_tf, name).__name__ == name\n"
        "for part in pathlib.Path(rstg_tf.__file__).parent.iterdir():\n"
        "    if (part / '__init__.py').exists():\n"
        "        assert getattr(rstg_tf, part.name).__name__ == f'rstg_tf.{part.name}'\n"
        "        assert part.name in dir(rstg_tf)\n"
        "try:\n"
        "    rstg_tf.nothing\n"
        "except AttributeError as error:\n"
        "    assert 'nothing' in str(error)\n"
        "else:\n"
        "    raise AssertionError\n"
    )


@pytest.mark.parametrize(
    "imports",
    [
        "import rstg_tf, keras",
        "import keras, rstg_tf",
        "import rstg_tf; from tensorflow import keras",
        "import tensorflow, rstg_tf; keras = tensorflow.keras",
        "import rstg_tf.layers.send, keras",
        "import rstg_tf.backbones.simple_conv, keras",
        "import rstg_tf.training, keras",
    ],
)
def test_layers_are_registered_once_keras_is_imported(imports):
    run(
        f"{imports}\n"
        "names = set(keras.utils.get_custom_objects())\n"
        "assert {'rstg_tf>RSTG', 'rstg_tf>VideoClassifier', 'rstg_tf>VideoResNet'} <= names, names"
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
