"""The commands of the README from the files of Something-Something to figures, on miniatures."""

import json
import pathlib
import subprocess
import sys

import pytest
import something_something

SHORT = {
    "trainer.train_steps": 2,
    "trainer.checkpoint_interval": 2,
    "trainer.validation_interval": 2,
    "train_data.global_batch_size": 2,
    "validation_data.global_batch_size": 2,
    "validation_data.num_examples": 0,
    "train_data.clips.frames": 4,
    "validation_data.clips.frames": 4,
}


def run(command, *arguments):
    arguments = [str(argument) for argument in arguments]
    done = subprocess.run(
        [sys.executable, f"pipelines/{command}", *arguments], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.slow
@pytest.mark.parametrize("version", ["v1", "v2"])
def test_from_the_download_to_figures(tmp_path, version):
    download, shards, run_dir = tmp_path / "download", tmp_path / "shards", tmp_path / "run"
    download.mkdir()
    getattr(something_something, f"write_{version}")(download)
    for split in ("train", "validation"):
        run("make_shards.py", f"--source={download}", f"--output={shards}", f"--split={split}")
    assert "all 6 records" in run("inspect_shards.py", shards, "--verify")

    overrides = ",".join(f"{name}={value}" for name, value in SHORT.items())
    names = getattr(something_something, f"{version.upper()}_CLASSES")
    run(
        "train.py",
        "--experiment=rstg_res3_4",
        f"--data={shards}",
        f"--output={run_dir}",
        f"--params-override={overrides}",
    )
    run("evaluate.py", run_dir, f"--data={shards}", "--split=validation", "--eval=dense")
    (found,) = pathlib.Path(run_dir).rglob("metrics.json")
    metrics = json.loads(found.read_text())
    assert metrics["figures"]["num_clips"] == len(something_something.VIDEOS["validation"])
    assert "11" in metrics["protocol"]

    if version == "v2":
        video = next(download.rglob("*.webm"))
        (line,) = run("predict.py", run_dir, video, "--format=json").splitlines()
        assert {found["class"] for found in json.loads(line)["classes"]} == set(names)
