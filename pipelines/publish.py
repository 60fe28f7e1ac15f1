"""Publishes the best checkpoint of a training into the model zoo, with card and notebook.

    python pipelines/publish.py runs/interactions_rstg --name=interactions_rstg

The model is evaluated on held-out clips first, unless --metrics names what evaluate.py wrote for
this very training. What is not better than chance is refused. The entry is there whole or not at
all; its notebook is executed after that, and the tables of the zoo's README.md follow.
"""

import _startup

import argparse
import shlex
import sys


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("run_dir", help="folder of the training")
    parser.add_argument("--name", required=True, help="name of the entry")
    parser.add_argument("--zoo", help="folder of published models (default: model_zoo)")
    parser.add_argument("--metrics", help="metrics.json of pipelines/evaluate.py for this training")
    parser.add_argument("--data", help="test set, as for pipelines/evaluate.py")
    parser.add_argument("--num_clips", "--num-clips", type=int, help="clips of the test set")
    parser.add_argument("--overwrite", action="store_true", help="replace an entry of this name")
    parser.add_argument(
        "--notebook",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="execute evaluation.ipynb, which takes a minute or two (default: yes)",
    )
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
    from rstg_tf.runs.run_folder import RunFolder
    from rstg_tf.zoo import completing, publish, tables
    from rstg_tf.zoo.notebook import FILE_NAME

    options = vars(arguments)
    notebook = options.pop("notebook")
    command = shlex.join(["python", "pipelines/publish.py", *sys.argv[1:]])
    entry = publish(**options, command=command)
    print(f"published {entry}")
    tables.refresh(entry.parent)
    if notebook:
        config = RunFolder(arguments.run_dir).read_config()
        completing.complete(
            entry.name,
            [FILE_NAME],
            entry.parent,
            data=arguments.data,
            config=config,
            max_megabytes=arguments.max_megabytes,
        )
        tables.refresh(entry.parent)


if __name__ == "__main__":
    main()
