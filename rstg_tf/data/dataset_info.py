"""What `dataset_info.json` says, read wherever it is and put together before shards are written."""

import json

from rstg_tf.data import storage
from rstg_tf.data.shards import INFO


def read_stored_info(directory):
    """Returns the description in a folder, local or a URL, or None where there is none.

    Raises:
        ValueError: It is damaged.
    """
    path = storage.join(directory, INFO)
    if storage.size(path) is None:
        return None
    try:
        info = json.loads(storage.read(path))
        missing = {"name", "classes", "clip_shape", "splits"} - set(info)
        if missing:
            raise ValueError(f"it lacks {', '.join(sorted(missing))}")
    except (ValueError, TypeError) as error:
        raise ValueError(f"The description is damaged ({error}). Received: {path}") from error
    return info


def add_split(info, new, split, made_by, directory):
    """Returns the description of a data set with one more split, or with one that goes on.

    Args:
        info: The description that is in the folder, or None.
        new: Dict of what all splits have in common: `name`, `classes`, `clip_shape`, ...
        split: Name of the split.
        made_by: JSON-ready dict of all that the split's bytes depend on.
        directory: The folder, for errors.

    Returns:
        Dict; `["splits"][split]` has the keys `complete`, `made_by` and `shards`.

    Raises:
        ValueError: The folder holds another data set, or this split made in another way.
    """
    made_by = json.loads(json.dumps(made_by))
    unmade = {"complete": False, "made_by": made_by, "shards": []}
    if info is None:
        return {**new, "splits": {split: unmade}}
    different = ", ".join(key for key in new if info.get(key) != new[key])
    if different:
        raise ValueError(
            f"The folder holds another data set: {info['name']} of shape {info['clip_shape']} "
            f"(different: {different}). Received: {directory}"
        )
    there = info["splits"].setdefault(split, unmade)["made_by"]
    if there != made_by:
        different = "; ".join(
            f"{key}={there.get(key)!r} there, {made_by.get(key)!r} now"
            for key in sorted(set(there) | set(made_by))
            if there.get(key) != made_by.get(key)
        )
        raise ValueError(
            f"The folder holds the {split} split made in another way ({different}); "
            f"choose another folder. Received: {directory}"
        )
    return info


def to_text(info):
    """Returns the text of `dataset_info.json`."""
    return json.dumps(info, indent=1) + "\n"


def shard_name(name, split, number, num_shards):
    """Returns the file name of a shard."""
    return f"{name}-{split}-{number:05d}-of-{num_shards:05d}.tfrecord"
