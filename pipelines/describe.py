"""Describes a model: stages with shapes, parameters and multiply-adds, and a drawing of them.

    python pipelines/describe.py rstg_res3_4
    python pipelines/describe.py rstg_res3_4 --size=16x112x112 --output=model.png
    python pipelines/describe.py rstg_res3_4 --model_size=lite --params_override=model.dropout=0.5
    python pipelines/describe.py model_zoo/interactions_rstg

All figures come from the model, which is built and traced for one clip, but not run.
"""

import _startup

import argparse
import pathlib
import re


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "model", help="experiment; or folder of a training, published model, or SavedModel"
    )
    parser.add_argument(
        "--model_size", "--model-size", help="of an experiment: paper (default) or lite"
    )
    parser.add_argument("--size", help="of a clip, TxHxW (default: that of the model's data)")
    parser.add_argument("--config_file", help="YAML file with settings to change")
    parser.add_argument("--params_override", help="settings to change: a.b=c,d=e")
    parser.add_argument("--zoo", help="folder of published models (default: model_zoo)")
    parser.add_argument(
        "--output", help="picture to write, .png (default: runs/descriptions/MODEL.png)"
    )
    arguments = parser.parse_args()
    with _startup.one_line_errors():
        run(arguments)


def run(arguments):
    size = None if arguments.size is None else parse_size(arguments.size)

    from rstg_tf.describe import describe, draw
    from rstg_tf.files import written_whole

    name, model, size = find_model(arguments, size)
    description = describe(model, size, name)
    print(description)
    output = pathlib.Path(arguments.output or f"runs/descriptions/{name}.png")
    output.parent.mkdir(parents=True, exist_ok=True)
    with written_whole(output) as part:
        draw(description).savefig(part, format="png", dpi=110)
    print(f"\nwrote {output}")


def parse_size(text):
    if not re.fullmatch(r"\d+x\d+x\d+", text):
        raise ValueError(f"--size must be TxHxW, such as 32x224x224. Received: --size={text}")
    return tuple(map(int, text.split("x")))


def find_model(arguments, size):
    """Name, model and `(T, H, W)` of what the arguments name; an experiment comes first."""
    from rstg_tf import experiments
    from rstg_tf.hub.manifest import read_manifest

    name = arguments.model
    is_model = pathlib.Path(name).is_dir() or name in read_manifest(arguments.zoo)
    if name in experiments.list_experiments() or not is_model:
        model_size = arguments.model_size or "paper"
        config = experiments.get_experiment(name, model_size)
        if arguments.config_file:
            experiments.apply_file(config, arguments.config_file)
        if arguments.params_override:
            experiments.apply_overrides(config, arguments.params_override)
        source = experiments.build_source(config.train_data)
        if config.model.num_classes is None:
            config.model.num_classes = len(source.class_names)
        if config.model.channels is None:
            config.model.channels = source.clip_shape[-1]
        model = experiments.build_model(config.model)
        return f"{name}_{model_size}", model, size or source.clip_shape[:3]

    from rstg_tf.evaluation.subject import load_subject

    for flag in ("model_size", "config_file", "params_override"):
        if getattr(arguments, flag):
            raise ValueError(f"--{flag} must stand with an experiment. Received: {name}")
    subject = load_subject(name, arguments.zoo)
    if not hasattr(subject.model, "backbone"):
        raise ValueError(f"Only a VideoClassifier has stages. Received: {name}")
    if size is None and subject.config is None:
        raise ValueError(f"--size must be given for a model without a config. Received: {name}")
    if size is None:
        size = experiments.build_source(subject.config.train_data).clip_shape[:3]
    return subject.name, subject.model, size


if __name__ == "__main__":
    main()
