"""`rstg`: its commands, their old spellings, and what it says of arguments that it can't use."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from rstg_tf import experiments
from rstg_tf.cli import build_parser, main, options
from rstg_tf.training.strategy import STRATEGIES

ROOT = Path(__file__).resolve().parents[2]
SCRIPTS = {
    "exports/client.py": "serve-client",
    "exports/export.py": "export",
    "pipelines/adopt_training.py": "adopt",
    "pipelines/build_zoo.py": "zoo build",
    "pipelines/complete_entry.py": "complete",
    "pipelines/convert_checkpoint.py": "convert",
    "pipelines/demo.py": "demo",
    "pipelines/describe.py": "describe",
    "pipelines/draw_attention.py": "draw-attention",
    "pipelines/evaluate.py": "evaluate",
    "pipelines/inspect_shards.py": "data inspect",
    "pipelines/make_interactions.py": "data make-interactions",
    "pipelines/make_shards.py": "data make",
    "pipelines/make_syncmnist.py": "data make-syncmnist",
    "pipelines/predict.py": "predict",
    "pipelines/publish.py": "publish",
    "pipelines/reproduce_tables.py": "zoo reproduce",
    "pipelines/train.py": "train",
}
# What each command cannot do without.
NEEDED = {
    "adopt": "--experiment=e --meta=m --state=s --log=l --hardware=h",
    "complete": "name",
    "convert": "--config=c --checkpoint=c",
    "data inspect": "folder",
    "data make": "--source=s --output=o",
    "data make-interactions": "--output=o",
    "data make-syncmnist": "--output=o",
    "describe": "model",
    "draw-attention": "model --output=o",
    "evaluate": "model",
    "export": "model",
    "predict": "model video",
    "publish": "run --name=n",
    "serve-client": "model video",
}
RENAMED = {
    "train": {
        "--size=paper": "--scale=paper",
        "--virtual_devices=2": "--virtual-devices=2",
        "--on_corrupt=skip": "--on-corrupt=skip",
        "--config_file=f": "--config-file=f",
        "--params_override=a.b_c=1": "--params-override=a.b_c=1",
    },
    "adopt": {"--size=paper": "--scale=paper", "--params_override=a=1": "--params-override=a=1"},
    "evaluate": {
        "--num_clips=3": "--num-clips=3",
        "--batch_size=3": "--batch-size=3",
        "--clips=size=3": "--clips-override=size=3",
        "--on_corrupt=skip": "--on-corrupt=skip",
    },
    "predict": {"--short_side=3": "--short-side=3"},
    "describe": {
        "--model_size=lite": "--scale=lite",
        "--model-size=lite": "--scale=lite",
        "--size=8x8x8": "--clip-shape=8x8x8",
        "--config_file=f": "--config-file=f",
        "--params_override=a=1": "--params-override=a=1",
    },
    "publish": {"--num_clips=3": "--num-clips=3", "--max_megabytes=3": "--max-megabytes=3"},
    "complete": {"--num_clips=3": "--num-clips=3", "--max_megabytes=3": "--max-megabytes=3"},
    "zoo build": {
        "--size=paper": "--scale=paper",
        "--budget_minutes=3": "--budget-minutes=3",
        "--num_clips=3": "--num-clips=3",
        "--params_override=a=1": "--params-override=a=1",
    },
    "zoo reproduce": {"--num_clips=3": "--num-clips=3", "--mnist_path=f": "--mnist-path=f"},
    "data make-interactions": {
        "--num_videos=3": "--num-videos=3",
        "--num_shards=3": "--num-shards=3",
    },
    "data make-syncmnist": {
        "--num_videos=3": "--num-videos=3",
        "--num_shards=3": "--num-shards=3",
        "--z_order=shuffled": "--z-order=shuffled",
        "--noise_parts=3": "--noise-parts=3",
        "--no_pair=0.5": "--no-pair=0.5",
        "--source=embedded": "--digit-source=embedded",
        "--mnist_path=f": "--mnist-path=f",
    },
    "data make": {
        "--allow_outside": "--allow-outside",
        "--frame_rate=3": "--frame-rate=3",
        "--short_side=3": "--short-side=3",
        "--jpeg_quality=3": "--jpeg-quality=3",
        "--num_shards=3": "--num-shards=3",
        "--shard_megabytes=3": "--shard-megabytes=3",
        "--max_failures=3": "--max-failures=3",
    },
    "export": {
        "--short_side=3": "--short-side=3",
        "--max_frames=3": "--max-frames=3",
        "--max_megapixels=3": "--max-megapixels=3",
        "--max_clip_megapixels=3": "--max-clip-megapixels=3",
    },
    "serve-client": {
        "--ca_file=f": "--ca-file=f",
        "--cert_file=f": "--cert-file=f",
        "--key_file=f": "--key-file=f",
        "--frame_rate=3": "--frame-rate=3",
    },
}
CASES = [(command, old, new) for command, table in RENAMED.items() for old, new in table.items()]


def parse(command, *flags):
    parsed, unknown = build_parser().parse_known_args(
        [*command.split(), *NEEDED.get(command, "").split(), *flags]
    )
    del parsed.run, parsed.parser, parsed.interrupted  # Others in each parser.
    return parsed, unknown


def refused(arguments, capsys):
    with pytest.raises(SystemExit) as end:
        main(arguments)
    assert end.value.code == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ") and error.count("\n") == 1
    return error


@pytest.mark.parametrize("command, old, new", CASES)
def test_old_spellings_work_and_warn(command, old, new, capsys):
    parsed = parse(command, new)
    assert parsed[1] == []
    assert capsys.readouterr().err == ""
    assert parse(command, old) == parsed
    warning = f"note: {old.partition('=')[0]} is now {new.partition('=')[0]}\n"
    assert capsys.readouterr().err == warning
    assert parse(command, *old.split("=", 1)) == parsed


def test_flags_of_beam_are_passed_on_as_they_are(capsys):
    flags = ["--runner=FlinkRunner", "--flink_master=host:1"]
    assert parse("data make", *flags)[1] == flags
    assert capsys.readouterr().err == ""


def test_the_output_of_a_conversion_was_a_folder(tmp_path, capsys):
    flags = ["--config=c2d", f"--checkpoint={tmp_path / 'no.ckpt'}"]
    with pytest.raises(SystemExit):
        main(["convert", *flags, f"--output={tmp_path / 'zoo' / 'name'}"])
    note, error = capsys.readouterr().err.splitlines()
    assert note == "note: --output=ZOO/NAME is now --zoo=ZOO --name=NAME"
    assert str(tmp_path / "no.ckpt") in error
    assert "--name" in refused(["convert", *flags], capsys)


def test_scales_and_strategies_are_those_of_the_library():
    assert experiments.SIZES == options.SCALES
    assert STRATEGIES == options.STRATEGIES


@pytest.mark.parametrize(
    "arguments, message",
    [
        (["trian"], "'train'"),
        ([], "COMMAND"),
        (["zoo", "bild"], "'build'"),
        (["train", "--exprimet=i3d"], "the closest are --experiment"),
        (["train", "--strategy=horovod"], "'one_device'"),
        (["train", "--scale=tiny"], "'lite'"),
        (["train", "--virtual-devices=two"], "two"),
        (["evaluate"], "model"),
        (["train", "\x1b[2J"], r"\x1b[2J"),
    ],
)
def test_wrong_arguments_are_refused_in_one_line(arguments, message, capsys):
    assert message in refused(arguments, capsys)


def test_help_needs_neither_tensorflow_nor_numpy():
    code = (
        "import sys; from rstg_tf.cli import build_parser; build_parser().format_help(); "
        "print({'tensorflow', 'keras', 'numpy'} & sys.modules.keys())"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout == "set()\n"


def test_each_script_is_a_command_anywhere_without_an_installation(tmp_path):
    folders = [ROOT / "pipelines", ROOT / "exports"]
    paths = [path for folder in folders for path in folder.glob("*.py")]
    found = {path.relative_to(ROOT).as_posix() for path in paths if path.name != "_clone.py"}
    assert found == set(SCRIPTS)
    for script, command in SCRIPTS.items():
        done = subprocess.run(
            [sys.executable, ROOT / script, "--help"],
            cwd=tmp_path, capture_output=True, text=True,
        )  # fmt: skip
        assert done.stdout.startswith(f"usage: rstg {command} [-h]"), done.stderr
        assert not re.search(r"--\w+_", done.stdout)


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion(shell, capsys):
    pytest.importorskip("shtab")
    with pytest.raises(SystemExit) as end:
        main(["--print-completion", shell])
    assert not end.value.code
    printed = capsys.readouterr().out
    assert "rstg" in printed and "--params-override" in printed
    if shell == "bash":
        subprocess.run(["bash", "-n"], input=printed, text=True, check=True)
