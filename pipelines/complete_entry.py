"""Gives published models what they lack, and makes their cards and pictures anew.

    python pipelines/complete_entry.py interactions_rstg interactions_mean
    python pipelines/complete_entry.py interactions_rstg --notebook --costs

Weights and figures stay as they are. An entry is replaced whole or not at all.
"""

import _startup

import argparse


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("names", nargs="+", metavar="name", help="name of an entry")
    parser.add_argument("--zoo", help="folder of published models (default: model_zoo)")
    parser.add_argument(
        "--notebook",
        action=argparse.BooleanOptionalAction,
        help="execute evaluation.ipynb, or do not (default: where it is missing)",
    )
    parser.add_argument(
        "--num_clips", "--num-clips", type=int, default=500, help="of the notebook (default: 500)"
    )
    parser.add_argument(
        "--costs", action="store_true", help="measure the costs again, on an idle machine"
    )
    parser.add_argument("--data", help="test set of the notebook, as for pipelines/evaluate.py")
    parser.add_argument(
        "--max_megabytes",
        "--max-megabytes",
        type=float,
        default=8,
        help="how large an entry may be (default: 8)",
    )
    arguments = parser.parse_args()
    with _startup.one_line_errors():
        run(arguments)


def run(arguments):
    from rstg_tf.zoo import completing, costs, notebook, tables

    options = vars(arguments)
    names, execute = options.pop("names"), options.pop("notebook")
    wanted = {costs.FILE_NAME} if options.pop("costs") else set()
    missing = {name: completing.lacks(name, arguments.zoo) for name in names}
    for name in names:
        files = wanted | {*missing[name]}
        if execute:
            files.add(notebook.FILE_NAME)
        elif execute is False:
            files.discard(notebook.FILE_NAME)
        entry = completing.complete(name, files, **options)
        tables.refresh(entry.parent)
        print(f"completed {entry}", flush=True)


if __name__ == "__main__":
    main()
