"""Makes a training's folder of what an exported training step left on another machine.

    python pipelines/adopt_training.py --experiment=sync3_rstg_alltemp --meta=bundle/meta.json \\
        --state=out/state.npz --log=out/log.csv --hardware='1 x NVIDIA H200'

`rstg_tf.training.make_train_step` can be exported to a machine that has an accelerator but no
TensorFlow. The variables that come back are validated here; then the folder is a training as any
other, for evaluate.py, publish.py and build_zoo.py. See `rstg_tf.training.adopt` for the files.
"""

import _startup

import argparse


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--experiment", required=True, help="that the step was made of")
    parser.add_argument("--size", default="lite", help="lite (default) or paper")
    parser.add_argument("--params_override", help="settings to change: a.b=c,d=e")
    parser.add_argument("--meta", required=True, help="JSON file: arguments and variables")
    parser.add_argument("--state", required=True, help=".npz file: values of the variables")
    parser.add_argument("--log", required=True, help="CSV file: loss and accuracy")
    parser.add_argument("--hardware", required=True, help="what the steps ran on, for the card")
    parser.add_argument("--note", help="what else the card must tell of these weights")
    parser.add_argument("--output", help="folder to make (default: runs/EXPERIMENT)")
    arguments = parser.parse_args()
    with _startup.one_line_errors():
        run(arguments)


def run(arguments):
    from rstg_tf import experiments
    from rstg_tf.training.adopt import adopt

    config = experiments.get_experiment(arguments.experiment, arguments.size)
    if arguments.params_override:
        experiments.apply_overrides(config, arguments.params_override)
    folder = adopt(
        config,
        arguments.meta,
        arguments.state,
        arguments.log,
        arguments.output or f"runs/{arguments.experiment}",
        arguments.hardware,
        arguments.note,
    )
    print(folder.summary.read_text(), end="")
    print(f"adopted into {folder.path}")


if __name__ == "__main__":
    main()
