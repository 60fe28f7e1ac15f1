"""The clips that a model is measured on."""

import copy
import dataclasses
import difflib
import os

from rstg_tf.data import storage
from rstg_tf.data.input import evaluation_dataset
from rstg_tf.data.videos.file_names import check_split
from rstg_tf.experiments import Experiment, apply_overrides, build_source

# Training and validation take other seeds, so even the clips of a split that both use differ.
SEED = 1_000_000
NUM_CLIPS = 2_000
FILE_OPTIONS = ("mnist_path", "trajectories")  # Of generators.


def open_test_set(data=None, split="test", seed=SEED, config=None, clips=None, on_corrupt="error"):
    """Opens shards or a generator for evaluation.

    Args:
        data: a folder of shards (a path or URL), or a generator with its options: `"interactions"`,
            `"syncmnist:digits=5,z_order=authors"`. Options that are not given, and all if there
            is no `data`, are those that the model was trained with.
        split: `"test"`, `"validation"` or `"train"`, or another word for one of them (`"val"`).
        seed: seed of clips that are generated; shards have their own.
        config: the `Experiment` of the model, where it is known.
        clips: how clips are taken from videos that are stored whole, where not as in the training:
            `"frames=32,size=224,short_side=256"`.
        on_corrupt: `"error"`, or `"skip"` to leave out and count the damaged records of shards.

    Returns:
        `(source, about)`: a source for `rstg_tf.data.input.evaluation_dataset`, and a dict for
        JSON that says what it is.

    Raises:
        ValueError: no such generator or option, or no `data` for a model of unknown training.
        FileNotFoundError: there is neither such a folder nor such a generator.
    """
    split = check_split(split)
    section = copy.deepcopy((config or Experiment()).validation_data)
    section.split, section.seed, section.on_corrupt = split, seed, on_corrupt
    apply_overrides(section.clips, clips or {})
    if data is None and config is None:
        raise ValueError("Where no config lies beside a model, its data must be named (--data).")
    if data is not None:
        _choose(section, str(data))
    source = build_source(section)
    about = {"name": source.name, "split": split, "clip_shape": list(source.clip_shape)}
    about["rendered"] = source.facts.is_rendered
    if section.input_path:
        about["shards"] = storage.folder_name(section.input_path)
        if source.clips:
            about |= {"stored_whole": True, "clips": section.clips.as_dict()}
    else:
        about |= {"seed": seed, "generator": section.source.type}
        about["options"] = without_folders(section.source.get().as_dict())
        if section.source.type == "syncmnist":
            about["digits"] = source.source
    return source, about


def count_clips(source, about, num_clips=None):
    """Number of clips to take: by default all of shards, 2,000 of a generator.

    Raises `ValueError` if shards hold fewer, or the number is not positive.
    """
    if num_clips is None:
        return source.num_examples if "shards" in about else NUM_CLIPS
    if num_clips < 1:
        raise ValueError(f"The number of clips must be positive. Received: {num_clips}")
    if "shards" in about and num_clips > source.num_examples:
        raise ValueError(
            f"The number of clips must be at most the {source.num_examples} of these shards. "
            f"Received: {num_clips}"
        )
    return num_clips


def read_clip(source, number):
    """Reads clip `number` (from 0): `(clip, label)`, uint8 `[T, H, W, C]` and int."""
    if number >= 0:
        dataset = evaluation_dataset(source, 1, number + 1).skip(number)
        for clips, labels in dataset.as_numpy_iterator():
            return clips[0], int(labels[0])
    raise ValueError(f"{source.name} has no such clip. Received: number {number}")


def is_held_out(about, config):
    """Whether no clip of a test set took part in making the model.

    False for the split it was trained on and for generated clips that chose its best weights.
    Shards of the validation split count as held out, since many datasets release no other held-out
    split.
    """
    if config is None:
        return about["split"] == "test"
    chosen = "seed" in about and chose_weights(about, config)
    return about["split"] != config.train_data.split and not chosen


def chose_weights(about, config):
    """Whether the best weights were chosen by accuracy on this test set.

    Any shards whose split has the name of the validation split are taken for them.
    """
    if config is None or ("shards" in about) != bool(config.validation_data.input_path):
        return False
    chosen_by, seed = config.validation_data, about.get("seed")
    return about["split"] == chosen_by.split and seed in (None, chosen_by.seed)


def chance_level(source):
    """Returns the accuracy that the facts of a source state as chance, see `Facts`."""
    return source.facts.chance


def without_folders(options):
    """A generator's options with file names in place of paths, which would tell of this machine."""
    return {
        name: os.path.basename(value) if name in FILE_OPTIONS and value else value
        for name, value in options.items()
    }


def _choose(section, data):
    """Sets the source of a `Data` config from a folder or from `NAME[:OPTION=VALUE,...]`."""
    name, _, options = data.partition(":")
    generators = [f.name for f in dataclasses.fields(section.source) if f.name != "type"]
    if name not in generators:
        if storage.is_remote(data) or storage.is_folder(data):
            section.input_path = data
            return
        close = difflib.get_close_matches(name, generators, n=1)
        raise FileNotFoundError(
            f"Data must be a folder of shards or one of {generators}"
            f"{f' (did you mean {close[0]!r}?)' if close else ''}. Received: {data!r}"
        )
    section.input_path = ""
    section.source.type = name
    apply_overrides(section.source.get(), options or {})
