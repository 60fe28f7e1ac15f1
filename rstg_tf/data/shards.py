"""A data set on disk: TFRecord shards and the `dataset_info.json` that describes them."""

import json
import os
import pathlib

from rstg_tf.data.records import first_fault

INFO = "dataset_info.json"


class Shards:
    """One split of a data set on disk.

    What can be checked without reading the clips is checked when it is built: folder,
    description, and that every shard is there and as long as it was when it was written.

    Args:
        directory: Folder of the shards.
        split: Name of the split.

    Attributes:
        name: Name of the data set.
        class_names: List of str.
        clip_shape: `(T, H, W, C)` of a clip.
        num_examples: Number of clips.
        num_bytes: Length of all shards together.
        files: List of the shards' paths, as str.
        counts: Number of clips in each.

    Raises:
        FileNotFoundError: The folder, its description or a shard is missing.
        ValueError: The description is damaged, has no such split or one that is not finished,
            or a shard was cut off or exchanged.
    """

    def __init__(self, directory, split):
        self.directory = pathlib.Path(directory)
        self.split = split
        info = read_info(self.directory)
        if split not in info["splits"]:
            raise ValueError(
                f"{self.directory / INFO} has the splits {sorted(info['splits'])}. "
                f"Received: split={split!r}"
            )
        description = info["splits"][split]
        if not description["complete"]:
            raise ValueError(
                f"The {split} split was not written to its end; run the command that makes it "
                f"again. Received: {self.directory}"
            )
        self.name = info["name"]
        self.class_names = info["classes"]
        self.clip_shape = tuple(info["clip_shape"])
        shards = description["shards"]
        self.files = [str(self.directory / shard["file"]) for shard in shards]
        self.counts = [shard["examples"] for shard in shards]
        self.num_examples = sum(self.counts)
        self.num_bytes = sum(shard["bytes"] for shard in shards)
        for path, shard in zip(self.files, shards, strict=True):
            self._check_length(path, shard)

    def _check_length(self, path, shard):
        if not os.path.exists(path):
            raise FileNotFoundError(f"A shard that {INFO} lists is missing. Received: {path}")
        if os.path.getsize(path) == shard["bytes"]:
            return
        fault = first_fault(path, shard["examples"], self.clip_shape)
        raise ValueError(
            f"{path}{fault}; the file has {os.path.getsize(path)} bytes, where {INFO} says "
            f"{shard['bytes']}: it was cut off or exchanged"
        )


def read_info(directory):
    """Returns the description of the data set in `directory`.

    Raises:
        FileNotFoundError: The folder or its `dataset_info.json` is missing.
        ValueError: The description is damaged.
    """
    directory = pathlib.Path(directory)
    if not directory.is_dir():
        raise FileNotFoundError(f"There is no folder of shards. Received: {directory}")
    path = directory / INFO
    if not path.exists():
        raise FileNotFoundError(
            f"The folder holds no {INFO}, which pipelines/make_*.py write. Received: {directory}"
        )
    try:
        info = json.loads(path.read_text())
        keys = {"name", "classes", "clip_shape", "splits"}
        if not keys <= set(info):
            raise ValueError(f"it lacks {', '.join(sorted(keys - set(info)))}")
    except (ValueError, TypeError) as error:
        raise ValueError(f"The description is damaged ({error}). Received: {path}") from error
    return info
