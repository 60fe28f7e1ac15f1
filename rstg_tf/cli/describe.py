"""The command that describes a model: describe."""

import pathlib
import re

from rstg_tf.cli.options import config_of, share
from rstg_tf.cli.parser import add_command


def add_commands(group):
    """Adds the command to the group."""
    parser = add_command(
        group, "describe", describe, {"--model-size": "--scale", "--size": "--clip-shape"}
    )
    parser.add_argument(
        "model", help="experiment; or folder of a training, published model, or SavedModel"
    )
    share(parser, "--scale", default=None, help="of an experiment (default: paper)")
    parser.add_argument(
        "--clip-shape", metavar="TxHxW", help="(default: that of the clips of the model's data)"
    )
    share(parser, "--config-file", "--params-override", "--zoo")
    share(
        parser,
        "--output",
        metavar="FILE.png",
        help="picture to write (default: runs/descriptions/MODEL.png)",
    )


def describe(arguments):
    """Describes a model: stages with shapes, parameters and multiply-adds, and a drawing of them.

        rstg describe rstg_res3_4
        rstg describe rstg_res3_4 --clip-shape=16x112x112 --output=model.png
        rstg describe rstg_res3_4 --scale=lite --params-override=model.dropout=0.5
        rstg describe model_zoo/interactions_rstg

    All figures come from the model, which is built and traced for one clip, but not run.
    """
    shape = None if arguments.clip_shape is None else _parse_shape(arguments.clip_shape)

    from rstg_tf.describe import describe, draw
    from rstg_tf.files import written_whole

    name, model, shape = _find_model(arguments, shape)
    description = describe(model, shape, name)
    print(description)
    output = pathlib.Path(arguments.output or f"runs/descriptions/{name}.png")
    output.parent.mkdir(parents=True, exist_ok=True)
    with written_whole(output) as part:
        draw(description).savefig(part, format="png", dpi=110)
    print(f"\nwrote {output}")


def _parse_shape(text):
    if not re.fullmatch(r"\d+x\d+x\d+", text):
        raise ValueError(f"--clip-shape must be TxHxW, such as 32x224x224. Received: {text}")
    return tuple(map(int, text.split("x")))


def _find_model(arguments, shape):
    """Name, model and `(T, H, W)` of what the arguments name; an experiment comes first."""
    from rstg_tf import experiments
    from rstg_tf.hub.manifest import read_manifest

    name = arguments.model
    is_model = pathlib.Path(name).is_dir() or name in read_manifest(arguments.zoo)
    if name in experiments.list_experiments() or not is_model:
        scale = arguments.scale or "paper"
        config = config_of(name, scale, arguments)
        source = experiments.build_source(config.train_data)
        if config.model.num_classes is None:
            config.model.num_classes = len(source.class_names)
        if config.model.channels is None:
            config.model.channels = source.clip_shape[-1]
        model = experiments.build_model(config.model)
        return f"{name}_{scale}", model, shape or source.clip_shape[:3]

    from rstg_tf.evaluation.subject import load_subject

    for flag in ("scale", "config_file", "params_override"):
        if getattr(arguments, flag):
            flag = flag.replace("_", "-")
            raise ValueError(f"--{flag} must stand with an experiment. Received: {name}")
    subject = load_subject(name, arguments.zoo)
    if not hasattr(subject.model, "backbone"):
        raise ValueError(f"Only a VideoClassifier has stages. Received: {name}")
    if shape is None and subject.config is None:
        raise ValueError(
            f"--clip-shape must be given for a model without a config. Received: {name}"
        )
    if shape is None:
        shape = experiments.build_source(subject.config.train_data).clip_shape[:3]
    return subject.name, subject.model, shape
