"""A dataset on disk: TFRecord shards and the `dataset_info.json` that describes them."""

import concurrent.futures
import os
import typing

import numpy as np

from rstg_tf.data import storage
from rstg_tf.data.shards.dataset_info import INFO, read_info
from rstg_tf.data.shards.records import ON_CORRUPT, Skipped, first_fault
from rstg_tf.data.shards.sequence_example import decode_clip
from rstg_tf.data.source import Facts, Source, find_facts


class Shards(Source):
    """One split of a dataset on disk.

    What can be checked without reading the clips is checked when it is built: folder,
    description, and that every shard is there and as long as it was when it was written.

    Args:
        directory: Folder of the shards: a path, or a URL `s3://...` or `gs://...`.
        split: Name of the split.
        clips: `rstg_tf.data.pipeline.clips.Clips`: how clips are taken from videos that are
            stored whole.
            Clips that were stored at the shape they are trained at are taken as they are.
        on_corrupt: `"error"` ends at a damaged record; `"skip"` leaves it out and counts it.

    Attributes:
        name: Name of the dataset.
        class_names: List of str.
        clip_shape: `(T, H, W, C)` of a clip.
        clips: As given where videos are stored whole, else None.
        num_examples: Number of clips.
        num_bytes: Length of all shards together.
        files: List of the shards' paths, as str.
        counts: Number of clips in each.
        skipped: `rstg_tf.data.shards.records.Skipped`: the damaged records met so far.

    Raises:
        FileNotFoundError: The folder, its description or a shard is missing.
        OSError: A file can't be read.
        ValueError: The description is damaged, has no such split or one that is not finished,
            a shard was cut off or exchanged, or `clips` is missing or doesn't fit the classes.
    """

    def __init__(
        self,
        directory: str | os.PathLike[str],
        split: str,
        clips: typing.Any = None,
        on_corrupt: str = "error",
    ):
        if on_corrupt not in ON_CORRUPT:
            raise ValueError(f"on_corrupt must be one of {ON_CORRUPT}. Received: {on_corrupt!r}")
        self.directory = os.fspath(directory)
        self.split = split
        self.on_corrupt = on_corrupt
        self.skipped = Skipped()
        info, path = _read_info(self.directory), storage.join(directory, INFO)
        if split not in info["splits"]:
            raise ValueError(
                f"{path} has the splits {sorted(info['splits'])}. Received: split={split!r}"
            )
        description = info["splits"][split]
        if not description["complete"]:
            raise ValueError(
                f"The {split} split was not written to its end; run the command that makes it "
                f"again. Received: {self.directory}"
            )
        self.name = info["name"]
        self.class_names = info["classes"]
        self.facts = _facts(info, description["made_by"], path)
        self.clips = clips if info["clip_shape"] is None else None
        if info["clip_shape"] is None and clips is None:
            raise ValueError(f"Videos stored whole need `clips`. Received: {self.directory}")
        if self.clips:
            self.clips.check_classes(self.class_names)
        self.clip_shape = self.clips.shape if self.clips else tuple(info["clip_shape"])
        self.mixup = self.clips.mixup if self.clips else 0.0
        shards = description["shards"]
        self.files = [storage.join(directory, shard["file"]) for shard in shards]
        self.counts = [shard["examples"] for shard in shards]
        self.num_examples = sum(self.counts)
        self.num_bytes = sum(shard["bytes"] for shard in shards)
        if not self.num_examples:
            raise ValueError(f"The {split} split is empty. Received: {self.directory}")
        with concurrent.futures.ThreadPoolExecutor(16) as pool:  # Each may be a request.
            list(pool.map(self._check_length, self.files, shards))

    def read(self, record, out, rng=None):
        """Decodes one clip.

        Args:
            record: bytes.
            out: uint8 array of `clip_shape`, to be filled.
            rng: A `numpy.random.Generator` for training, None for evaluation.

        Returns:
            The label, an int.

        Raises:
            ValueError: The record can't be used.
        """
        if self.clips:
            label = self.clips.read(record, out, rng)
        else:
            out[:], label = decode_clip(record, self.clip_shape)
        return self._checked(label)

    def read_whole_frames(self, record):
        """Decodes a video for dense evaluation, see `Clips.read_whole_frames`.

        Raises:
            ValueError: The record can't be used.
        """
        frames, label = self.clips.read_whole_frames(record)
        return frames, self._checked(label)

    def _checked(self, label):
        if not 0 <= label < len(self.class_names):
            raise ValueError(f"its label is {label}, of {len(self.class_names)} classes")
        return label

    def _check_length(self, path, shard):
        length = storage.size(path)
        if length is None:
            raise FileNotFoundError(f"A shard that {INFO} lists is missing. Received: {path}")
        if length == shard["bytes"] or self.on_corrupt == "skip":
            return
        clip = np.empty(self.clip_shape, np.uint8)
        fault = first_fault(path, shard["examples"], lambda record: self.read(record, clip))
        raise ValueError(
            f"{path}{fault}; the file has {length} bytes, where {INFO} says "
            f"{shard['bytes']}: it was cut off or exchanged"
        )


def _facts(info, made_by, path):
    if "facts" in info:
        return Facts(**{**info["facts"], "twins": tuple(map(tuple, info["facts"]["twins"]))})
    try:  # Shards of before do not state them.
        return find_facts(info["classes"], made_by)
    except ValueError as error:
        raise ValueError(f"The description is damaged ({error}). Received: {path}") from error


def _read_info(directory):
    if not storage.is_folder(directory):
        raise FileNotFoundError(f"There is no folder of shards. Received: {directory}")
    info = read_info(directory)
    if info is None:
        raise FileNotFoundError(
            f"The folder holds no {INFO}, which pipelines/make_*.py write. Received: {directory}"
        )
    return info
