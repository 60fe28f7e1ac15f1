"""Commands that write an entry of the model zoo: publish, complete, convert."""

import argparse
import pathlib

from rstg_tf.cli.options import share
from rstg_tf.cli.parser import add_command, warn_renamed


def add_commands(group):
    """Adds the commands to the group."""
    parser = add_command(group, "publish", publish)
    parser.add_argument("run_dir", help="folder of the training")
    share(parser, "--name", "--zoo")
    parser.add_argument(
        "--metrics", metavar="FILE", help="metrics.json of rstg evaluate for this training"
    )
    share(parser, "--data", "--num-clips", "--overwrite")
    share(
        parser,
        "--notebook",
        default=True,
        help="execute evaluation.ipynb, which takes a minute or two (default: yes)",
    )
    share(parser, "--max-megabytes")

    parser = add_command(group, "complete", complete)
    parser.add_argument("names", nargs="+", metavar="NAME", help="name of an entry")
    share(parser, "--zoo")
    share(
        parser,
        "--notebook",
        help="execute evaluation.ipynb, or do not (default: where it is missing)",
    )
    share(parser, "--num-clips", default=500, help="of the notebook (default: 500)")
    parser.add_argument(
        "--costs", action="store_true", help="measure the costs again, on an idle machine"
    )
    share(parser, "--data", "--max-megabytes")

    parser = add_command(group, "convert", convert)
    parser.add_argument("--config", required=True, help="YAML file, or name of an experiment")
    parser.add_argument("--checkpoint", required=True, help="prefix of the checkpoint's files")
    share(parser, "--name", required=False)
    share(parser, "--zoo")
    parser.add_argument("--output", help=argparse.SUPPRESS)  # The old form: ZOO/NAME.
    parser.add_argument(
        "--labels",
        metavar="FILE",
        help="names of the classes: one a line, or JSON name: number",
    )
    share(parser, "--overwrite")


def publish(arguments):
    """Publishes the best checkpoint of a training into the model zoo, with card and notebook.

        rstg publish runs/interactions_rstg --name=interactions_rstg

    The model is evaluated on held-out clips first, unless --metrics names what rstg evaluate wrote
    for this very training. A model whose interval includes chance is refused. The entry is there
    whole or not at all; its notebook is executed after that, and the tables of the zoo's README.md
    follow.
    """
    from rstg_tf.runs.run_folder import RunFolder
    from rstg_tf.zoo import completing, notebook, tables
    from rstg_tf.zoo import publish as publish_training

    entry = publish_training(
        arguments.run_dir,
        arguments.name,
        arguments.zoo,
        metrics=arguments.metrics,
        data=arguments.data,
        num_clips=arguments.num_clips,
        overwrite=arguments.overwrite,
        command=arguments.command,
        max_megabytes=arguments.max_megabytes,
    )
    print(f"published {entry}")
    tables.refresh(entry.parent)
    if arguments.notebook:
        completing.complete(
            entry.name,
            [notebook.FILE_NAME],
            entry.parent,
            data=arguments.data,
            config=RunFolder(arguments.run_dir).read_config(),
            max_megabytes=arguments.max_megabytes,
        )
        tables.refresh(entry.parent)


def complete(arguments):
    """Gives published models what they lack, and makes their cards and pictures anew.

        rstg complete interactions_rstg interactions_mean
        rstg complete interactions_rstg --notebook --costs

    Weights and figures stay as they are. An entry is replaced whole or not at all.
    """
    from rstg_tf.zoo import completing, costs, notebook, tables

    missing = {name: completing.lacks(name, arguments.zoo) for name in arguments.names}
    for name, files in missing.items():
        files = {*files, *([costs.FILE_NAME] if arguments.costs else [])}
        if arguments.notebook:
            files.add(notebook.FILE_NAME)
        elif arguments.notebook is False:
            files.discard(notebook.FILE_NAME)
        entry = completing.complete(
            name,
            files,
            arguments.zoo,
            num_clips=arguments.num_clips,
            data=arguments.data,
            max_megabytes=arguments.max_megabytes,
        )
        tables.refresh(entry.parent)
        print(f"completed {entry}", flush=True)


def convert(arguments):
    """Publishes a network of the authors' released code from its TensorFlow 1 checkpoint.

        rstg convert --config=CONFIG.yaml --checkpoint=MODEL.ckpt --name=NAME --labels=LABELS.txt

    CONFIG is the authors' YAML file, or one of their experiments: c2d, rstg_c2d, i3d, i3d_nl,
    rstg_vec, rstg_res2, rstg_res3, rstg_res4, rstg_res3_4. Every variable must find its place;
    otherwise all that is left on either side is listed and nothing is written.
    """
    from rstg_tf.hub.manifest import zoo_directory
    from rstg_tf.zoo import publish_conversion

    if arguments.output:
        warn_renamed("--output=ZOO/NAME", "--zoo=ZOO --name=NAME")
        output = pathlib.Path(arguments.output)
    elif arguments.name:
        output = zoo_directory(arguments.zoo) / arguments.name
    else:
        raise ValueError("--name must say what the entry is called. Received: no --name")
    entry = publish_conversion(
        arguments.config,
        arguments.checkpoint,
        output,
        labels=arguments.labels,
        overwrite=arguments.overwrite,
    )
    print(f"published {entry}")
