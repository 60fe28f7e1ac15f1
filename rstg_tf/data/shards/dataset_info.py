"""What `dataset_info.json` says: read as a stranger's file, written beside what others write."""

import contextlib
import errno
import fcntl
import hashlib
import itertools
import json
import math
import os
import random
import re
import time

from rstg_tf.checked_json import Optional, parse
from rstg_tf.data import storage
from rstg_tf.text import check_class_name, printable

INFO = "dataset_info.json"
_FORMAT = 2  # Has a checksum of its own; 1 had no number.
_MAX_CLIP_BYTES = 2**31
_BYTES_AROUND_RECORD = 16
_SECONDS_TO_LOOK_AGAIN, _LOOKS = 1.0, 5
_NO_LOCKS = (errno.ENOLCK, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS)

_FAILURE = {"media_id": str, "path": str, "label": str, "reason": str}
_FRAMES = {"min": int, "max": int, "total": int}
SHARD = {
    "file": str,
    "examples": int,
    "bytes": int,
    Optional("sha256"): str,
    Optional("videos_sha256"): str,
    Optional("frames"): _FRAMES,
    Optional("failures"): [_FAILURE],
}
_SPLIT = {"complete": bool, "made_by": dict, "shards": [SHARD], Optional("frames"): _FRAMES}
_FACTS = {
    "chance": float,
    "twins": [[int]],
    "no_pair": (int, None),
    "is_rendered": bool,
}
_FORM = {
    "name": str,
    "classes": [str],
    "clip_shape": (None, [int]),
    "splits": {str: _SPLIT},
    Optional("channels"): int,
    Optional("facts"): _FACTS,
    Optional("format"): int,
    Optional("sha256"): str,
}


def read_info(directory):
    """Returns the description in a folder (a path or a URL), or None if there is none.

    Raises ValueError if it is damaged or states impossible values.
    """
    path = storage.join(str(directory), INFO)
    try:
        content = storage.read(path)
    except FileNotFoundError:
        return None
    info = parse(content, _FORM, "The description", path)
    try:
        _check_checksum(info)
        _check(info, path)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"The description is damaged ({error}). Received: {path}") from error
    return {key: value for key, value in info.items() if key not in ("format", "sha256")}


def add_split(info, new, split, made_by, directory):
    """Returns the description with one more split, or with one that is resumed.

    `info` is the description in the folder, or None; `new` holds what all splits share, and
    `made_by` is all that the split's bytes depend on, ready for JSON. Raises ValueError if the
    folder holds another dataset or this split made in another way, or if a class name is not
    allowed.
    """
    made_by = json.loads(json.dumps(made_by))
    unmade = {"complete": False, "made_by": made_by, "shards": []}
    for name in new["classes"]:
        check_class_name(name, f"the classes of {new['name']}")
    if info is None:
        return {**new, "splits": {split: unmade}}
    info = {**new, **info} if "facts" not in info else info  # Those of before have none.
    different = ", ".join(key for key in new if info[key] != new[key])
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


def write_split(directory, info, split, then=None):
    """Writes one split's entry, leaves the others as other processes wrote them, and returns all.

    Stores such as S3 have no locks: there the description is read again just before and some time
    after writing, and written anew if another process replaced it. `then` is called with what was
    written, before another local process can write. Raises ValueError if the folder now holds
    another dataset.
    """
    path = storage.join(str(directory), INFO)
    description = info["splits"][split]
    common = {key: value for key, value in info.items() if key != "splits"}
    if not storage.is_remote(path):
        with alone(storage.join(str(directory), ".dataset_info.lock")):
            return _write_merged(path, directory, common, split, description, then)
    for _ in range(_LOOKS):
        written = _write_merged(path, directory, common, split, description, then)
        if description["complete"]:
            time.sleep(_SECONDS_TO_LOOK_AGAIN * (1 + random.random()))
        now = read_info(directory)
        if now and now["splits"].get(split) == written["splits"][split]:
            return now
    raise OSError(f"Other processes write the description all the time. Received: {path}")


def to_text(info):
    """Returns the text of `dataset_info.json`, with its checksum."""
    info = {**info, "format": _FORMAT}
    return json.dumps({**info, "sha256": _checksum(info)}, indent=1) + "\n"


def shard_name(name, split, number, num_shards):
    """Returns the file name of a shard."""
    return f"{name}-{split}-{number:05d}-of-{num_shards:05d}.tfrecord"


def _write_merged(path, directory, common, split, description, then):
    there = read_info(directory)
    merged = add_split(there, common, split, description["made_by"], directory)
    merged = {**merged, "splits": {**merged["splits"], split: description}}
    with storage.written_whole(path) as part:
        part.write_text(to_text(merged))
    if then:
        then(merged)
    return merged


def _checksum(info):
    content = {key: value for key, value in info.items() if key != "sha256"}
    canonical = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()


def _check_checksum(info):
    if "format" not in info and "sha256" not in info:
        return
    if info.get("format") != _FORMAT:
        raise ValueError(f"its format is {info.get('format')}, where {_FORMAT} is known")
    if info.get("sha256") != _checksum(info):
        raise ValueError("its content does not have its checksum")


def _check(info, path):
    """Raises a ValueError where values are of the right types, but can't be."""
    classes, shape = info["classes"], info["clip_shape"]
    _require(_is_file_name(info["name"]), "name", info["name"], "part of a file name")
    for name in classes:
        check_class_name(name, path)
    _require(0 < len(set(classes)) == len(classes), "classes", len(classes), "names, each once")
    if shape is not None:
        good = len(shape) == 4 and all(0 < side <= _MAX_CLIP_BYTES for side in shape)
        _require(good and math.prod(shape) <= _MAX_CLIP_BYTES, "clip_shape", shape, "four sides")
    for label in _labels_of(info.get("facts", {})):
        _require(0 <= label < len(classes), "facts", label, "about classes that there are")
    files = set()
    for split, description in info["splits"].items():
        _require(re.fullmatch(r"\w+", split, re.ASCII), "splits", split, "letters and digits")
        for shard in description["shards"]:
            _check_shard(shard, files)


def _labels_of(facts):
    yield from itertools.chain(*facts.get("twins", ()))
    if facts.get("no_pair") is not None:
        yield facts["no_pair"]


def _check_shard(shard, files):
    name = shard["file"]
    _require(_is_file_name(name) and name not in files, "file", name, "a file name of its own")
    files.add(name)
    most = shard["bytes"] // _BYTES_AROUND_RECORD
    _require(0 <= shard["bytes"] < 2**60, "bytes", shard["bytes"], "a length")
    _require(0 <= shard["examples"] <= most, "examples", shard["examples"], f"at most {most}")
    for key in ("sha256", "videos_sha256"):
        good = re.fullmatch(r"[0-9a-f]{64}", shard.get(key, "0" * 64))
        _require(good, key, shard.get(key), "a checksum")


def _is_file_name(name):
    return (
        re.fullmatch(r"[^./\\:][^/\\:]*", name) is not None
        and len(name.encode(errors="replace")) < 256
        and printable(name) == name
    )


def _require(good, key, value, wanted):
    if not good:
        raise ValueError(f"{key} must be {wanted}, not {printable(repr(value))[:100]}")


@contextlib.contextmanager
def alone(path, on_wait=None):
    """Holds a lock that no other process or thread has; calls `on_wait` once if it must wait.

    The lock is a small file at `path`, removed at the end. On a file system without locks, nothing
    is locked.
    """
    descriptor = None
    while descriptor is None:
        descriptor = _taken(path, on_wait)
        on_wait = None
    try:
        yield
    finally:
        with contextlib.suppress(OSError):
            os.unlink(path)
        os.close(descriptor)


def _taken(path, on_wait):
    """Descriptor of the locked file; None where the one who had the lock removed it."""
    descriptor = os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o666)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if on_wait:
                on_wait()
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        if os.path.samestat(os.fstat(descriptor), os.stat(path)):
            return descriptor
    except FileNotFoundError:
        pass
    except OSError as error:
        if error.errno in _NO_LOCKS:
            return descriptor
        os.close(descriptor)
        raise
    except BaseException:
        os.close(descriptor)
        raise
    os.close(descriptor)
    return None
