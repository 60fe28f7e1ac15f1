"""Commands over the whole model zoo: zoo build, zoo status, zoo reproduce."""

import os
import pathlib
import sys

from rstg_tf.cli.options import share
from rstg_tf.cli.parser import add_command, add_group


def add_commands(group):
    """Adds the commands to the group."""
    text = "Builds the model zoo, shows how far it is, or measures it again."
    group = add_group(group.add_parser("zoo", help=text, description=text))

    parser = _add_plans(group, "build", build)
    parser.add_argument(
        "--budget-minutes",
        type=float,
        help="time for training in all; it ends at a checkpoint and goes on with the next call",
    )
    _add_num_clips(parser)
    parser.add_argument(
        "--no-notebooks", action="store_true", help="leave the notebooks to a later call"
    )
    parser.add_argument("--status", action="store_true", help="as rstg zoo status")

    _add_plans(group, "status", status)

    parser = add_command(group, "reproduce", reproduce)
    parser.add_argument("--only", default="*", help="entries: a name with wildcards")
    _add_num_clips(parser)
    parser.add_argument("--seed", type=int, help="of its clips (default: one of its own)")
    share(parser, "--zoo", "--mnist-path")
    share(
        parser,
        "--output",
        default="runs/reproduction",
        help="folder to write (default: runs/reproduction)",
    )


def build(arguments):
    """Trains, evaluates and publishes the whole zoo, each entry with its notebook, and its tables.

        rstg zoo build
        rstg zoo build --only='rstg_*,i3d' --budget-minutes=120
        rstg zoo build --scale=paper --strategy=mirrored

    It may be stopped at any moment; the same command goes on from there. A model whose interval
    includes chance is not published, what is published is not trained again. Shows what is done
    and what is left, at the start and at the end; the exit code is 1 where an entry failed.
    """
    from rstg_tf.zoo.building import build
    from rstg_tf.zoo.plan import progress_table

    plans = _show_plans(arguments)
    if arguments.status:
        return 0
    failed = {}
    try:
        failed = build(
            plans,
            minutes=arguments.budget_minutes,
            num_clips=arguments.num_clips,
            notebooks=not arguments.no_notebooks,
            command=arguments.command,
        )
    finally:
        print(f"\n{progress_table(plans)}")
    for name, reason in failed.items():
        print(f"error: {name}: {reason}", file=sys.stderr)
    return 1 if failed else 0


def status(arguments):
    """Shows which entries of the zoo are done and which are left.

    rstg zoo status --only='sync5_*'
    """
    _show_plans(arguments)


def reproduce(arguments):
    """Remakes the tables of the zoo from the published models alone, on fresh test data.

        rstg zoo reproduce
        rstg zoo reproduce --only='interactions_*' --num-clips=1000

    Every model is measured on clips of another seed than that of its card. Prints the tables with
    these figures, and says where one moved by more than its interval: where the 95 % intervals of
    both do not overlap. The exit code is 1 then, 2 where a model could not be measured, else 0.
    The same command resumes what was interrupted.
    """
    from rstg_tf.files import written_whole
    from rstg_tf.hub import list_models, manifest
    from rstg_tf.zoo import reproduction, tables

    names = list_models(arguments.only, arguments.zoo)
    if not names:
        raise ValueError(f"There is no such published model. Received: --only={arguments.only}")
    published = manifest.read_manifest(arguments.zoo)
    entries = {name: {**about, "figures": None} for name, about in published.items()}
    moves, failed, measured = [], [], 0
    for name in names:
        if not published[name].get("figures"):
            continue  # Converted, not measured.
        print(f"{name}:", file=sys.stderr, flush=True)
        try:
            figures = reproduction.measure_again(
                name,
                arguments.zoo,
                num_clips=arguments.num_clips,
                seed=reproduction.SEED if arguments.seed is None else arguments.seed,
                output=arguments.output,
                mnist_path=arguments.mnist_path,
                command=arguments.command,
            )
        except (ValueError, OSError) as error:
            failed.append(f"{name}: {error}")
            continue
        entries[name]["figures"] = figures
        measured += 1
        moves += reproduction.moved(name, published[name]["figures"], figures)
    path = pathlib.Path(arguments.output) / "tables.md"
    path.parent.mkdir(parents=True, exist_ok=True)
    zoo = os.path.relpath(manifest.zoo_directory(arguments.zoo), path.parent)
    text = tables.render(entries, folder=f"{zoo}/")
    with written_whole(path) as part:
        part.write_text(text)
    print(text)
    for line in failed:
        print(f"error: {line}", file=sys.stderr)
    if moves:
        print("By more than their intervals moved:", *(f"  {move}" for move in moves), sep="\n")
    else:
        print(f"No figure of {measured} models moved by more than its interval.")
    return 2 if failed else 1 if moves else 0


def _add_plans(group, name, run):
    parser = add_command(group, name, run, {"--size": "--scale"})
    parser.add_argument(
        "--only", default="*", help="experiments: names with wildcards, separated by commas"
    )
    share(parser, "--scale", "--strategy")
    share(parser, "--params-override", default="", help="settings to change in all: a.b=c")
    parser.add_argument(
        "--runs", default="runs", metavar="FOLDER", help="folder of the trainings (default: runs)"
    )
    share(parser, "--zoo")
    return parser


def _add_num_clips(parser):
    share(parser, "--num-clips", default=5000, help="of the test set (default: 5000)")


def _show_plans(arguments):
    from rstg_tf.zoo.plan import make_plans, progress_table

    plans = make_plans(
        arguments.only,
        arguments.scale,
        arguments.params_override,
        arguments.strategy,
        arguments.runs,
        arguments.zoo,
    )
    print(progress_table(plans), flush=True)
    return plans
