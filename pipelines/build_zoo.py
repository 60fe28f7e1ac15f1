"""Trains, evaluates and publishes the whole zoo, each entry with its notebook, and its tables.

    python pipelines/build_zoo.py
    python pipelines/build_zoo.py --only='rstg_*,i3d' --budget-minutes=120
    python pipelines/build_zoo.py --size=paper --strategy=mirrored
    python pipelines/build_zoo.py --status

It may be stopped at any moment; the same command goes on from there. What is not better than
chance by more than its interval is not published, what is published is not trained again. Shows
what is done and what is left, at the start and at the end; the exit code is 1 where an entry
failed.
"""

import _startup

import argparse
import shlex
import sys


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--only", default="*", help="experiments: names with wildcards, separated by commas"
    )
    parser.add_argument("--size", default="lite", help="lite (default) or paper")
    parser.add_argument(
        "--budget-minutes",
        "--budget_minutes",
        type=float,
        help="time for training in all; it ends at a checkpoint and goes on with the next call",
    )
    parser.add_argument(
        "--num_clips", "--num-clips", type=int, default=5000, help="of the test set (default: 5000)"
    )
    parser.add_argument("--strategy", help="one_device, mirrored or tpu")
    parser.add_argument("--params_override", default="", help="settings to change in all: a.b=c")
    parser.add_argument("--runs", default="runs", help="folder of the trainings (default: runs)")
    parser.add_argument("--zoo", help="folder of published models (default: model_zoo)")
    parser.add_argument(
        "--no-notebooks", action="store_true", help="leave the notebooks to a later call"
    )
    parser.add_argument("--status", action="store_true", help="show what is done and left, and end")
    arguments = parser.parse_args()
    with _startup.one_line_errors():
        sys.exit(run(arguments))


def run(arguments):
    from rstg_tf.zoo.building import build
    from rstg_tf.zoo.plan import make_plans, progress_table

    plans = make_plans(
        arguments.only,
        arguments.size,
        arguments.params_override,
        arguments.strategy,
        arguments.runs,
        arguments.zoo,
    )
    print(progress_table(plans), flush=True)
    if arguments.status:
        return 0
    failed = {}
    try:
        failed = build(
            plans,
            minutes=arguments.budget_minutes,
            num_clips=arguments.num_clips,
            notebooks=not arguments.no_notebooks,
            command=shlex.join(["python", "pipelines/build_zoo.py", *sys.argv[1:]]),
        )
    finally:
        print(f"\n{progress_table(plans)}")
    for name, reason in failed.items():
        print(f"error: {name}: {reason}", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    main()
