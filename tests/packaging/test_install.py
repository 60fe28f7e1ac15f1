"""A wheel in a clean environment: the core with TensorFlow only, and each extra alone."""

import os
import pathlib
import shutil
import subprocess
import sys
import zipfile

import pytest
from video_files import frames_of, write_video

pytestmark = pytest.mark.slow

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
ZOO = REPOSITORY / "model_zoo"
SHORT = "trainer.train_steps=2,trainer.validation_interval=2,trainer.checkpoint_interval=2"

DATA = [
    "rstg data make-interactions --split=train --num-videos=4 --size=32 --frames=4 --output=d",
    "rstg data make-syncmnist --digits=3 --num-videos=3 --digit-source=embedded --output=s",
    "rstg data inspect d --verify",
]
TRAIN = [
    "rstg train --list",
    f"rstg train --experiment=interactions_mean --output=r "
    f"--params-override={SHORT},validation_data.num_examples=4",
    "rstg evaluate interactions_mean --num-clips=20 --output=e",
    "rstg describe rstg_res3_4 --scale=lite --output=model.png",
    "rstg draw-attention interactions_rstg --output=attention.png",
]
EXTRAS = {
    "data": DATA,
    "train": [*DATA, *TRAIN],
    "video": ["rstg predict interactions_rstg videos --annotate=drawn"],
    "shards": [
        "rstg data make --source=videos --output=shards",
        "rstg data inspect shards --verify",
    ],
    "s3": ["-c import boto3, rstg_tf.data.storage"],
    "serve": ["-c import rstg_tf; rstg_tf.serving.Client('model')", "rstg serve-client --help"],
    "export": [
        "rstg export interactions_mean --output=exported",
        "rstg export interactions_mean --output=exported --format=tflite",
        "rstg export interactions_rstg --output=exported --format=onnx",
    ],
    "publish": [
        "rstg zoo status",
        "rstg convert --help",
        "rstg complete interactions_mean --num-clips=20 --notebook",
    ],
    "completion": ["rstg train --help", "-m rstg_tf.cli --print-completion bash"],
    "docs": [f"-m mkdocs build --quiet --strict -f {REPOSITORY}/mkdocs.yml -d {{here}}/site"],
}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "source"
    source.mkdir()
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(REPOSITORY / name, source)
    shutil.copytree(
        REPOSITORY / "rstg_tf", source / "rstg_tf", ignore=shutil.ignore_patterns("__pycache__")
    )
    pip(sys.executable, "wheel", "--no-deps", f"--wheel-dir={folder}", str(source))
    (found,) = folder.glob("*.whl")
    return found


@pytest.fixture(scope="module")
def core(tmp_path_factory, wheel):
    """An environment that holds the wheel and what it cannot do without."""
    environment = tmp_path_factory.mktemp("environments") / "core"
    subprocess.run([sys.executable, "-m", "venv", str(environment)], check=True)
    pip(environment / "bin/python", "install", str(wheel))
    return environment


def pip(python, *arguments):
    subprocess.run([str(python), "-m", "pip", *arguments, "--quiet"], check=True)


def call(environment, folder, *arguments):
    """Runs the environment's Python outside of the repository, on a zoo of its own."""
    variables = {
        **{name: value for name, value in os.environ.items() if name != "PYTHONPATH"},
        "PYTHONWARNINGS": "ignore",
        "RSTG_TF_MODEL_ZOO": str(folder / "model_zoo"),
    }
    done = subprocess.run(
        [str(environment / "bin/python"), *arguments],
        cwd=folder,
        env=variables,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_wheel_carries_what_it_needs(wheel):
    names = set(zipfile.ZipFile(wheel).namelist())
    for path in (REPOSITORY / "rstg_tf").rglob("*"):
        if path.is_file() and "__pycache__" not in path.parts:
            assert str(path.relative_to(REPOSITORY)) in names
    top = {name.split("/")[0] for name in names}
    assert {part for part in top if not part.endswith(".dist-info")} == {"rstg_tf"}
    assert any(name.endswith("/licenses/LICENSE") for name in names)


def test_the_core_loads_models_with_tensorflow_only(core, tmp_path):
    code = (
        "import numpy as np, rstg_tf\n"
        "assert 'site-packages' in rstg_tf.__file__\n"
        "assert rstg_tf.RSTG(readout='vec', node_dim=8, message_dim=8)\n"
        f"model = rstg_tf.load_model({str(ZOO / 'interactions_rstg')!r})\n"
        "example = np.load(model_example)\n"
        "difference = abs(model(example['clips'])['logits'] - example['logits'])\n"
        "assert np.max(difference) < 1e-4\n"
        "import importlib.util\n"
        "assert not importlib.util.find_spec('official')\n"
    ).replace("model_example", repr(str(ZOO / "interactions_rstg/example.npz")))
    call(core, tmp_path, "-c", code)


@pytest.mark.parametrize("extra", EXTRAS)
def test_an_extra_alone_is_enough_for_its_commands(core, wheel, tmp_path, extra):
    environment = tmp_path / "environment"
    shutil.copytree(core, environment, symlinks=True)  # Faster than to install TensorFlow again.
    pip(environment / "bin/python", "install", f"{wheel}[{extra}]")
    pip(environment / "bin/python", "check")
    shutil.copytree(ZOO, tmp_path / "model_zoo")
    write_videos(tmp_path / "videos")
    for command in EXTRAS[extra]:
        program, *arguments = command.format(here=tmp_path).split()
        if program == "-c":
            arguments = [command.removeprefix("-c ")]
        elif program == "rstg":
            program = str(environment / "bin/rstg")
        call(environment, tmp_path, program, *arguments)
    shutil.rmtree(tmp_path)  # Gigabytes.


def write_videos(folder):
    for name in ("left/1.mp4", "left/2.mp4", "right/1.mp4"):
        write_video(folder / name, frames_of(16, height=64))
