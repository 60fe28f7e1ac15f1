"""Publishing of a network that the authors trained, converted from their checkpoint."""

import copy
import hashlib
import json
import pathlib

from rstg_tf import checked_json
from rstg_tf.convert import from_tf1_checkpoint
from rstg_tf.convert.flags import read_flags
from rstg_tf.experiments import Experiment, apply_overrides, to_yaml
from rstg_tf.files import check_temporary_room
from rstg_tf.hub import manifest, saved_model
from rstg_tf.text import check_class_name
from rstg_tf.zoo import card, saving, store

_SAMPLE = (8, 64, 64)  # Of the check; all of their networks take it.


def publish_conversion(config_path, checkpoint_path, output, labels=None, overwrite=False):
    """Publishes what `rstg_tf.convert.from_tf1_checkpoint` makes, whole or not at all.

    The entry has the form of `publish`, but for figures: the network is not evaluated here, and
    its card says so and how to do it.

    Args:
        config_path: the authors' YAML config, or the name of an experiment of theirs.
        checkpoint_path: prefix of the TensorFlow 1 checkpoint.
        output: folder of the entry, `model_zoo/NAME`.
        labels: file with the names of the classes: one a line in the order of the logits, or
            Something-Something's JSON from name to number.
        overwrite: whether an entry of this name may be replaced.

    Returns:
        `pathlib.Path` of the entry.

    Raises:
        FileNotFoundError: config, checkpoint or labels are missing.
        FileExistsError: there is such an entry and `overwrite` is false.
        ValueError: config, checkpoint and labels do not fit one another; nothing is left behind.
        RuntimeError: the SavedModel does not predict the same in a fresh process.
    """
    output = pathlib.Path(output)
    zoo, name = output.parent, output.name
    store.check_free(zoo, name, overwrite)
    store.check_room(zoo, name, 2**20)
    check_temporary_room()
    flags = read_flags(config_path)
    class_names = read_labels(labels, flags["num_classes"])
    model = from_tf1_checkpoint(config_path, checkpoint_path).classifier
    config = experiment_of(model)
    with store.new_entry(zoo, name, overwrite) as (part, about):
        saving.write_saved_model(model, class_names, part)
        saving.write_example(model, config, part)
        (part / "config.yaml").write_text(to_yaml(config))
        source = {
            "config": pathlib.Path(config_path).name,
            "checkpoint": pathlib.Path(checkpoint_path).name,
            "weights_sha256": saved_model.weights_checksum(model),
            "checkpoint_sha256": _checksum(checkpoint_path),
            "flags": flags,
        }
        (part / "conversion.json").write_text(json.dumps(source, indent=2) + "\n")
        parameters = model.count_params()
        facts = card.Facts(
            name=name,
            config=config,
            model=model,
            class_names=class_names,
            metrics={"data": {"clip_shape": _clip_shape(flags)}},
            training={"parameters": parameters},
            costs={},
            checksums=manifest.checksums(part),
            conversion=source,
        )
        (part / card.FILE_NAME).write_text(card.render(facts))
        sample = (*_SAMPLE, flags["num_chan"])
        saving.check_in_fresh_process(model, part, sample)
        about |= {
            "experiment": "converted",
            "size": "paper",
            "data": flags["dataset"],
            "clip_shape": _clip_shape(flags),
            "parameters": parameters,
            "streams": model.streams,
            "figures": None,
            "weights_sha256": source["weights_sha256"],
        }
    return output


def read_labels(path, num_classes):
    """Reads class names in the order of the logits; None gives `class_0`, `class_1`, ...

    The file has one name a line, or is Something-Something's JSON from name to number. Raises
    `ValueError` if it is damaged or their number is not `num_classes`.
    """
    if path is None:
        return [f"class_{number}" for number in range(num_classes)]
    try:
        text = pathlib.Path(path).read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(f"Labels must be UTF-8 ({error}). Received: {path}") from error
    if text.lstrip().startswith("{"):
        numbers = checked_json.parse(text, {str: (int, str)}, "The file of the labels", path)
        if any(isinstance(number, str) and not number.isdecimal() for number in numbers.values()):
            raise ValueError(f"Labels must be numbered from 0. Received: {path}")
        names = sorted(numbers, key=lambda name: int(numbers[name]))
    else:
        names = [line.strip() for line in text.split("\n") if line.strip()]
    for name in names:
        check_class_name(name, path)
    if len(names) != num_classes:
        raise ValueError(
            f"Labels must be the names of {num_classes} classes. Received: {len(names)} in {path}"
        )
    return names


def experiment_of(model):
    """The `Experiment` whose model is this `VideoClassifier`."""
    options = copy.deepcopy(model.get_config())
    backbone, head = options["backbone"], options["head"]
    settings = {
        name: options[name]
        for name in ("num_classes", "channels", "norm", "dropout", "preprocessing")
    }
    settings["backbone"] = {"type": backbone, backbone: options["backbone_options"]}
    settings["head"] = {"type": head, head: options["head_options"]}
    config = Experiment(name="converted", size="paper")
    return apply_overrides(config, {"model": settings})


def _clip_shape(flags):
    return (flags["video_num_frames"], flags["dim_h"], flags["dim_w"], flags["num_chan"])


def _checksum(prefix):
    """sha256 of a checkpoint's files, in the order of their names."""
    digest = hashlib.sha256()
    prefix = pathlib.Path(prefix)
    for path in sorted(prefix.parent.glob(f"{prefix.name}.*")):
        if path.suffix == ".index" or ".data-" in path.name:
            digest.update(path.read_bytes())
    return digest.hexdigest()
