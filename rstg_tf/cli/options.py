"""Options that several commands have, so that a word means the same in all of them."""

import argparse

# Those of rstg_tf.experiments and rstg_tf.training, which import TensorFlow.
SCALES = ("lite", "paper")
STRATEGIES = ("one_device", "mirrored", "multi_worker_mirrored", "tpu")

_SHARED = {
    "model": {"help": "folder of a training, published model, or SavedModel"},
    "--zoo": {"metavar": "FOLDER", "help": "folder of published models (default: model_zoo)"},
    "--name": {"required": True, "help": "name of the entry"},
    "--overwrite": {"action": "store_true", "help": "replace an entry of this name"},
    "--max-megabytes": {
        "type": float,
        "default": 8,
        "help": "how large an entry may be (default: 8)",
    },
    "--scale": {
        "choices": SCALES,
        "default": "lite",
        "help": "dimensions of the experiment (default: lite)",
    },
    "--config-file": {"metavar": "FILE", "help": "YAML file with settings to change"},
    "--params-override": {"metavar": "SETTINGS", "help": "settings to change: a.b=c,d=e"},
    "--strategy": {"choices": STRATEGIES, "help": "(default: that of the experiment)"},
    "--data": {
        "help": "test set: folder of shards (local, s3:// or gs://), or a generator: interactions, "
        "syncmnist:digits=5,z_order=authors (default, also of the options: what the model was "
        "trained on)"
    },
    "--split": {"default": "test", "help": "test (default), validation or train"},
    "--num-clips": {"type": int, "help": "clips of the test set"},
    "--num-shards": {"type": int},
    "--on-corrupt": {
        "choices": ("error", "skip"),
        "help": "at a damaged record of shards: error (default), or skip and count it",
    },
    "--frames": {"type": int, "help": "frames of a clip (default: as trained)"},
    "--size": {"type": int, "help": "pixels of a clip (default: as trained)"},
    "--short-side": {"type": int, "help": "pixels of the whole frame (default: as trained)"},
    "--limit": {
        "action": "append",
        "default": [],
        "metavar": "NAME=NUMBER",
        "help": "of how large videos may be: frames, pixels, ...; see docs/guides/videos.md",
    },
    "--mnist-path": {"metavar": "FILE.npz", "help": "MNIST's file, for digits of SyncMNIST"},
    "--output": {"metavar": "FOLDER", "help": "folder to write"},
    "--notebook": {
        "action": argparse.BooleanOptionalAction,
        "help": "execute evaluation.ipynb, or do not",
    },
}


def share(parser, *names, **changes):
    """Adds options of the table above to a command; `changes`, such as `help`, are its own."""
    for name in names:
        parser.add_argument(name, **_SHARED[name] | changes)


def config_of(experiment, scale, arguments):
    """The `Experiment`, changed by --params-override and, where there is one, --config-file."""
    from rstg_tf import experiments

    config = experiments.get_experiment(experiment, scale)
    if getattr(arguments, "config_file", None):
        experiments.apply_file(config, arguments.config_file)
    if arguments.params_override:
        experiments.apply_overrides(config, arguments.params_override)
    return config
