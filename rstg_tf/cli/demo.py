"""The command that shows everything once: demo."""

import json
import os
import pathlib
import subprocess
import sys
import time

from rstg_tf.cli.options import share
from rstg_tf.cli.parser import add_command

CONTROL, GRAPH = "interactions_mean", "interactions_rstg"
CLIPS = {"train": 6_000, "validation": 400, "test": 1_000}
DIFFICULTY = 0.3
LOAD = """
import keras, numpy
model = keras.models.load_model("{zoo}/{name}")
names = open("{zoo}/{name}/assets/labels.txt").read().splitlines()
clips = numpy.load("{clips}")
for probabilities in model.predict(clips, verbose=0)["probabilities"]:
    best = probabilities.argmax()
    print(f"  {{probabilities[best]:4.0%}}  {{names[best]}}")
"""


def add_commands(group):
    """Adds the command to the group."""
    parser = add_command(group, "demo", demo)
    share(parser, "--output", default="demo", help="folder to write (default: demo)")
    parser.add_argument("--steps", type=int, default=500, help="training steps (default: 500)")
    share(parser, "--size", default=64, help="pixels (default: 64)")
    share(parser, "--frames", default=16, help="frames of a clip (default: 16)")


def demo(arguments):
    """Shows everything once, small: data, training, evaluation, publishing, loading, a picture.

        make demo

    Every step is a command of its own, printed before it runs. The same command resumes a demo
    that was interrupted; `make clean` removes what it made.
    """
    from rstg_tf.files import check_room, check_temporary_room

    start, folder = time.monotonic(), pathlib.Path(arguments.output)
    shards, zoo = folder / "shards", folder / "model_zoo"
    runs = {name: folder / "runs" / name for name in (GRAPH, CONTROL)}
    metrics = {name: folder / "evaluations" / name / "metrics.json" for name in runs}
    clips, picture = folder / "clips.npy", folder / "attention.png"
    check_room(folder)
    check_temporary_room()

    for split, count in CLIPS.items():
        _make_shards(shards, split, count, arguments)
    for name in runs:
        _train(name, runs[name], shards, arguments)
    for name in runs:
        if not metrics[name].exists():
            command = ["evaluate", runs[name], f"--data={shards}"]
            _call(*command, f"--output={metrics[name].parent}")
    if not (zoo / GRAPH).exists():
        publish = ["publish", runs[GRAPH], f"--name={GRAPH}", f"--zoo={zoo}", "--no-notebook"]
        _call(*publish, f"--metrics={metrics[GRAPH]}")
    if not picture.exists():
        draw = ["draw-attention", zoo / GRAPH, f"--data={shards}"]
        _call(*draw, f"--output={picture}")
    _write_clips(clips, arguments)
    _call_python(LOAD.format(zoo=zoo, name=GRAPH, clips=clips))
    return _summarise(start, zoo / GRAPH, runs, metrics, picture)


def _make_shards(shards, split, count, arguments):
    """Makes one split, if it is not there."""
    info = shards / "dataset_info.json"
    splits = json.loads(info.read_text())["splits"] if info.exists() else {}
    if not splits.get(split, {}).get("complete"):
        command = ["data", "make-interactions", f"--split={split}", f"--output={shards}"]
        options = [f"--num-videos={count}", f"--size={arguments.size}"]
        _call(*command, *options, f"--frames={arguments.frames}", f"--difficulty={DIFFICULTY}")


def _train(name, run_dir, shards, arguments):
    """Trains to the end, if that has not happened."""
    summary = run_dir / "summary.json"
    if summary.exists() and json.loads(summary.read_text())["steps"] >= arguments.steps:
        return
    overrides = {
        "trainer.train_steps": arguments.steps,
        "trainer.checkpoint_interval": min(100, arguments.steps),
        "trainer.validation_interval": min(200, arguments.steps),
        # One iteration learns within minutes; three take half an hour to get further.
        "model.head.rstg.iterations": 1,
    }
    _call(
        "train",
        f"--experiment={name}",
        "--strategy=mirrored",
        f"--data={shards}",
        f"--output={run_dir}",
        "--params-override=" + ",".join(f"{key}={value}" for key, value in overrides.items()),
    )


def _write_clips(path, arguments):
    """Writes a few clips that none of the shards hold."""
    import numpy as np

    from rstg_tf.data.synthetic.interactions import Interactions
    from rstg_tf.files import written_whole

    size, frames = arguments.size, arguments.frames
    source = Interactions(size, frames, difficulty=DIFFICULTY, split="test", seed=1)
    clips, labels = source.batch(range(4))
    with written_whole(path) as part, part.open("wb") as file:
        np.save(file, clips)
    print("\nfour new clips show", *(f"  {source.class_names[n]}" for n in labels), sep="\n")


def _call(*command):
    """Prints and runs a command; its failure ends the demo."""
    command = [*map(str, command)]
    print("\n$ rstg", *command, flush=True)
    done = _python("-m", "rstg_tf.cli", *command)
    if done.returncode:
        sys.exit(done.returncode)


def _call_python(code):
    """Prints and runs Python code in a fresh process."""
    print(f"\n$ python -c '{code}'", flush=True)
    _python("-c", code).check_returncode()


def _python(*arguments):
    """Runs Python with this very package, and nothing of the folder that it runs in."""
    paths = [str(pathlib.Path(__file__).parents[2]), os.environ.get("PYTHONPATH")]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, paths))}
    return subprocess.run([sys.executable, "-P", *arguments], env=environment)


def _summarise(start, entry, runs, metrics, picture):
    """Prints the table and the paths; returns 0 if the graph is clearly better, else 1."""
    import pandas as pd

    figures = {name: json.loads(path.read_text())["figures"] for name, path in metrics.items()}
    summaries = {name: json.loads((run / "summary.json").read_text()) for name, run in runs.items()}
    table = pd.DataFrame(
        {
            "model": name,
            "parameters": f"{summaries[name]['parameters']:,}",
            "minutes": f"{summaries[name]['minutes']:.1f}",
            "top-1 (95 %)": _percent(figures[name], "top_1"),
            "within pairs (95 %)": _percent(figures[name], "within_pair"),
        }
        for name in runs
    )
    print(f"\n{table.to_string(index=False)}\n")
    for what, path in (
        ("published model", entry),
        ("its card", entry / "README.md"),
        ("attention over a clip", picture),
        *((f"evaluation of {name}", path.parent) for name, path in metrics.items()),
    ):
        print(f"{what + ':':<36}{path}")
    better = all(
        figures[GRAPH][f"{name}_interval_95"][0] > figures[CONTROL][f"{name}_interval_95"][1]
        for name in ("top_1", "within_pair")
    )
    verdict = "clearly better than" if better else "NOT clearly better than"
    print(f"\n{GRAPH} is {verdict} {CONTROL}.  {(time.monotonic() - start) / 60:.1f} minutes.")
    return 0 if better else 1


def _percent(figures, name):
    low, high = figures[f"{name}_interval_95"]
    return f"{figures[name]:.1%} ({low:.1%} … {high:.1%})"
