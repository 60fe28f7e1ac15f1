"""Every command on disks that are full or read-only: one line that names the path, in time."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from faults.kill_at import available, count_operations, full_at
from tiny import as_flag
from video_files import frames_of, write_video

pytestmark = pytest.mark.slow

REPOSITORY = Path(__file__).resolve().parents[2]
TRAIN = f"--params-override={as_flag()}"


@pytest.fixture(scope="module")
def given(tmp_path_factory, run, zoo):
    """What commands read: paths by the names that `COMMANDS` uses."""
    folder = tmp_path_factory.mktemp("given")
    _video(folder / "videos" / "push" / "a.mp4")
    _video(folder / "videos" / "pull" / "b.mp4")
    return {"run": run, "zoo": zoo, "entry": zoo / "tiny", "videos": folder / "videos"}


def _video(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    write_video(path, frames_of(8))


# What each command writes is below {out}.
COMMANDS = {
    "make_interactions": "pipelines/make_interactions.py --num-videos=8 --size=32 --output={out}",
    "preview": "pipelines/make_interactions.py --num-videos=8 --size=32 --output={elsewhere} "
    "--preview={out}/preview.gif",
    "make_syncmnist": "pipelines/make_syncmnist.py --digit-source=embedded --num-videos=8 "
    "--output={out}",
    "make_shards": "pipelines/make_shards.py --source={videos} --output={out}",
    "train": "pipelines/train.py {train} --output={out}/run",
    "evaluate": "pipelines/evaluate.py {run} --num-clips=6 --output={out}/evaluation",
    "publish": "pipelines/publish.py {run} --name=new --num-clips=6 --no-notebook --zoo={out}",
    "describe": "pipelines/describe.py {run} --output={out}/model.png",
    "draw_attention": "pipelines/draw_attention.py {run} --output={out}/attention.png",
    "predict": "pipelines/predict.py {run} {videos} --annotate={out}/annotated",
    "reproduce": "pipelines/reproduce_tables.py --num-clips=6 --zoo={zoo} --output={out}/tables",
    "build_zoo": "pipelines/build_zoo.py --only=interactions_mean --runs={out}/runs "
    "--zoo={out}/zoo {train}",
    "export": "exports/export.py {run} --output={out}/models",
    "export_tflite": "exports/export.py {run} --format=tflite --output={out}/models",
    "export_onnx": "exports/export.py {run} --format=onnx --output={out}/models",
    "demo": "pipelines/demo.py --steps=2 --size=32 --frames=4 --output={out}/demo",
}


def words(command, given, out, elsewhere):
    named = {**given, "out": out, "elsewhere": elsewhere, "train": TRAIN}
    return [sys.executable, *(word.format(**named) for word in COMMANDS[command].split())]


def call(command, given, out, elsewhere, **environment):
    return subprocess.run(
        words(command, given, out, elsewhere),
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        env={**os.environ, **environment},
        timeout=300,
    )


def is_one_line(done, path):
    errors = [line for line in done.stderr.splitlines() if line.startswith("error:")]
    return (
        done.returncode == 2
        and "Traceback" not in done.stderr
        and len(errors) == 1
        and str(path) in errors[0]
    )


@pytest.mark.parametrize("disk", ["full", "read-only"])
def test_commands_name_the_disk(small_disk, tmp_path, given, counted, disk):
    if disk == "full":
        (small_disk / "filler").write_bytes(b"x" * 2**20)
    else:
        subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    ended = {name: call(name, given, small_disk, tmp_path) for name in COMMANDS}
    told = {name for name, done in ended.items() if is_one_line(done, small_disk)}
    counted(f"commands whose disk is {disk}", tried=len(COMMANDS), told=len(told))
    assert told == set(COMMANDS), "\n\n".join(
        f"{name}: {ended[name].returncode}\n{ended[name].stderr[-1500:]}"
        for name in sorted(set(COMMANDS) - told)
    )


# Of those that can end well with what is given: a few steps teach nothing that may be published.
@pytest.mark.skipif(not available(), reason="a disk that gets full at an operation takes gcc")
@pytest.mark.parametrize("command", sorted({*COMMANDS} - {"publish", "build_zoo", "demo"}))
def test_a_disk_that_gets_full_meanwhile_is_named(command, given, tmp_path, counted):
    (tmp_path / "whole").mkdir()
    whole = words(command, given, tmp_path / "whole", tmp_path / "elsewhere")
    operations, done = count_operations(whole, tmp_path / "whole", cwd=REPOSITORY)
    assert done.returncode in (0, 1), done.stderr  # 1: figures of the tables moved.
    ended = {}
    for number in {1 + operations * part // 4 for part in (1, 2, 3)}:
        out = tmp_path / f"full-{number}"
        out.mkdir()
        line = words(command, given, out, tmp_path / "elsewhere")
        ended[out] = full_at(number, line, out, cwd=REPOSITORY)
    named = [is_one_line(done, out) for out, done in ended.items()]
    again = call(command, given, out, tmp_path / "elsewhere")
    counted(f"{command} whose disk gets full meanwhile", tried=len(named), told=sum(named))
    assert all(named), [(done.returncode, done.stderr[-1500:]) for done in ended.values()]
    assert again.returncode in (0, 1), again.stderr
    assert not [path for path in out.rglob("*") if path.suffix == ".part"]
