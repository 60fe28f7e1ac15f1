"""Trains an experiment.

    python pipelines/train.py --strategy=mirrored
    python pipelines/train.py --experiment=sync3_rstg_alltemp --params_override=trainer.seed=1

The same command goes on where a training was interrupted.
"""

import _startup

import argparse
import os
import sys


def main(flags=None):
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--experiment", default="interactions_rstg", help="see --list")
    parser.add_argument("--size", default="lite", help="lite (default) or paper")
    parser.add_argument("--strategy", help="one_device, mirrored, multi_worker_mirrored or tpu")
    parser.add_argument("--virtual_devices", type=int, help="split the CPU or GPU, for mirrored")
    parser.add_argument("--output", help="folder of the training (default: runs/EXPERIMENT)")
    parser.add_argument(
        "--data",
        help="directory of shards, local, s3:// or gs://; without it clips are made on the fly",
    )
    parser.add_argument(
        "--on-corrupt",
        "--on_corrupt",
        help="at a damaged record of shards: error (default), or skip and count it",
    )
    parser.add_argument("--config_file", help="YAML file with settings to change")
    parser.add_argument("--params_override", help="settings to change: a.b=c,d=e")
    parser.add_argument(
        "--list", nargs="?", const="*", metavar="PATTERN", help="list experiments and end"
    )
    parser.add_argument("--show", action="store_true", help="print the settings and end")
    arguments = parser.parse_args(flags)
    arguments.output = arguments.output or f"runs/{arguments.experiment}"
    resumes = f"interrupted; the same command resumes the training in {arguments.output}"
    with _startup.one_line_errors(resumes):
        run(arguments)


def run(arguments):
    from rstg_tf import experiments

    if arguments.list:
        print("\n".join(experiments.list_experiments(arguments.list)))
        return
    config = experiments.get_experiment(arguments.experiment, arguments.size)
    if arguments.config_file:
        experiments.apply_file(config, arguments.config_file)
    if arguments.params_override:
        experiments.apply_overrides(config, arguments.params_override)
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
        folder = train(config, arguments.output)
    except WorkerLost as error:
        print("error:", error, file=sys.stderr, flush=True)
        os._exit(2)  # At its end TensorFlow would wait for the worker.
    print(folder.summary.read_text(), end="")
    print(f"trained into {folder.path}")


if __name__ == "__main__":
    main()
