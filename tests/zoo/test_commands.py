"""`pipelines/evaluate.py`, `publish.py` and `draw_attention.py` as a user calls them."""

import json
import pathlib
import subprocess
import sys

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]


def call(command, *arguments, cwd):
    return subprocess.run(
        [sys.executable, REPOSITORY / "pipelines" / command, *arguments],
        cwd=cwd,
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_published_model_is_evaluated(zoo, tmp_path):
    command = ["tiny", f"--zoo={zoo}", "--data=interactions:distractors=0", "--num-clips=6"]
    done = call("evaluate.py", *command, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    for words in ("top-1 accuracy", "95%", "macro-F1", "Cohen's kappa", "Tipping something over"):
        assert words in done.stdout
    output = tmp_path / "runs" / "evaluations" / "tiny" / "interactions-test"
    metrics = json.loads((output / "metrics.json").read_text())
    assert metrics["data"]["options"] == {
        "size": 32,
        "frames": 4,
        "distractors": 0,
        "difficulty": 0.5,
    }
    assert metrics["figures"]["num_clips"] == 6
    assert metrics["command"].startswith("python pipelines/evaluate.py tiny ")
    published = json.loads((zoo / "tiny" / "metrics.json").read_text())
    assert metrics["weights_sha256"] == published["weights_sha256"]


def test_attention_of_a_training_is_drawn(run, tmp_path):
    done = call("draw_attention.py", run, "--clip=2", "--output=strip.png", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "strip.png").read_bytes().startswith(b"\x89PNG")


def test_a_folder_that_is_no_training_is_refused_in_one_line(tmp_path):
    done = call("publish.py", "nowhere", "--name=x", f"--zoo={tmp_path}", cwd=tmp_path)
    assert done.returncode == 2
    assert [line.partition(":")[0] for line in done.stderr.splitlines()] == ["error"]
    assert "nowhere" in done.stderr
    assert not list(tmp_path.iterdir())
