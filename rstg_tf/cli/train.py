"""Commands that make a training's folder: train, adopt."""

import os
import sys

from rstg_tf.cli.options import config_of, share
from rstg_tf.cli.parser import add_command

_SIZE = {"--size": "--scale"}


def add_commands(group):
    """Adds the commands to the group."""
    parser = add_command(group, "train", train, _SIZE)
    parser.add_argument("--experiment", default="interactions_rstg", help="see --list")
    share(parser, "--scale", "--strategy")
    parser.add_argument("--virtual-devices", type=int, help="split the CPU or GPU, for mirrored")
    _add_output(parser)
    parser.add_argument(
        "--data",
        help="directory of shards, local, s3:// or gs://; without it clips are made on the fly",
    )
    share(parser, "--on-corrupt", "--config-file", "--params-override")
    parser.add_argument(
        "--list", nargs="?", const="*", metavar="PATTERN", help="list experiments and end"
    )
    parser.add_argument("--show", action="store_true", help="print the settings and end")
    parser.set_defaults(
        interrupted=lambda arguments: (
            "interrupted; the same command resumes the training in " + _output_of(arguments)
        )
    )

    parser = add_command(group, "adopt", adopt, _SIZE)
    parser.add_argument("--experiment", required=True, help="that the step was made of")
    share(parser, "--scale", "--params-override")
    parser.add_argument("--meta", required=True, help="JSON file: arguments and variables")
    parser.add_argument("--state", required=True, help=".npz file: values of the variables")
    parser.add_argument("--log", required=True, help="CSV file: loss and accuracy")
    parser.add_argument("--hardware", required=True, help="what the steps ran on, for the card")
    parser.add_argument("--note", help="what else the card must tell of these weights")
    _add_output(parser)


def train(arguments):
    """Trains an experiment.

        rstg train --strategy=mirrored
        rstg train --experiment=sync3_rstg_alltemp --params-override=trainer.seed=1

    The same command resumes a training that was interrupted.
    """
    from rstg_tf import experiments

    if arguments.list:
        print("\n".join(experiments.list_experiments(arguments.list)))
        return
    config = config_of(arguments.experiment, arguments.scale, arguments)
    if arguments.strategy:
        config.runtime.distribution_strategy = arguments.strategy
    if arguments.virtual_devices:
        config.runtime.virtual_devices = arguments.virtual_devices
    if arguments.data:
        config.train_data.input_path = config.validation_data.input_path = arguments.data
    if arguments.on_corrupt:
        config.train_data.on_corrupt = config.validation_data.on_corrupt = arguments.on_corrupt
    if arguments.show:
        print(experiments.to_yaml(config), end="")
        return

    from rstg_tf.training import train
    from rstg_tf.training.cluster import WorkerLost

    try:
        folder = train(config, _output_of(arguments))
    except WorkerLost as error:
        print("error:", error, file=sys.stderr, flush=True)
        os._exit(2)  # At its end TensorFlow would wait for the worker.
    print(folder.summary.read_text(), end="")
    print(f"trained into {folder.path}")


def adopt(arguments):
    """Makes a training's folder of what an exported training step left on another machine.

        rstg adopt --experiment=sync3_rstg_alltemp --meta=bundle/meta.json \\
            --state=out/state.npz --log=out/log.csv --hardware='1 x NVIDIA H200'

    `rstg_tf.training.make_train_step` can be exported to a machine that has an accelerator but no
    TensorFlow. The variables that come back are validated here; then the folder is a training as
    any other, for evaluate, publish and zoo build. See `rstg_tf.training.adopt` for the files.
    """
    from rstg_tf.training.adopt import adopt

    folder = adopt(
        config_of(arguments.experiment, arguments.scale, arguments),
        arguments.meta,
        arguments.state,
        arguments.log,
        _output_of(arguments),
        arguments.hardware,
        arguments.note,
    )
    print(folder.summary.read_text(), end="")
    print(f"adopted into {folder.path}")


def _add_output(parser):
    share(parser, "--output", help="folder of the training (default: runs/EXPERIMENT)")


def _output_of(arguments):
    return arguments.output or f"runs/{arguments.experiment}"
