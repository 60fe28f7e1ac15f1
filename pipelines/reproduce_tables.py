"""Remakes the tables of the zoo from the published models alone, on fresh test data.

    python pipelines/reproduce_tables.py
    python pipelines/reproduce_tables.py --only='interactions_*' --num_clips=1000

Every model is measured on clips of another seed than that of its card. Prints the tables with
these figures, and says where one moved by more than its interval: where the 95 % intervals of both
do not overlap. The exit code is 1 then, 2 where a model could not be measured, else 0. The same
command goes on where it was interrupted.
"""

import _startup

import argparse
import os
import pathlib
import shlex
import sys


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", default="*", help="entries: a name with wildcards")
    parser.add_argument(
        "--num_clips", "--num-clips", type=int, default=5000, help="of the test set (default: 5000)"
    )
    parser.add_argument("--seed", type=int, help="of its clips (default: one of its own)")
    parser.add_argument("--zoo", help="folder of published models (default: model_zoo)")
    parser.add_argument("--mnist-path", "--mnist_path", help="digits of SyncMNIST: FILE.npz")
    parser.add_argument(
        "--output", default="runs/reproduction", help="folder to write (default: runs/reproduction)"
    )
    arguments = parser.parse_args()
    with _startup.one_line_errors():
        sys.exit(run(arguments))


def run(arguments):
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
                command=shlex.join(["python", "pipelines/reproduce_tables.py", *sys.argv[1:]]),
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


if __name__ == "__main__":
    main()
