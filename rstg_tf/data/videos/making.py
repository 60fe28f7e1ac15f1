"""Shards of real videos, made by Apache Beam on one machine or on many."""

import contextlib
import csv
import hashlib
import io
import json
import math
import threading

import numpy as np

from rstg_tf.data import storage
from rstg_tf.data.dataset_info import add_split, read_stored_info, shard_name, to_text
from rstg_tf.data.shards import INFO
from rstg_tf.data.videos.beam import check_flags, run_tasks
from rstg_tf.data.videos.decoding import VideoError
from rstg_tf.data.videos.encoding import FrameFormat, encode_video
from rstg_tf.data.videos.shard_task import ShardTask, list_notes, read_note, write_shard

FAILURES = "failures.csv"
_SHARD_BYTES = 128 * 2**20
_MIN_SHARDS = 4
_SAMPLE = 8
_SECONDS_BETWEEN_LOOKS = 2.0
_COLUMNS = ("split", "media_id", "path", "label", "reason")


def make_shards(
    listed,
    directory,
    frame_format=FrameFormat(),  # noqa: B008 - immutable.
    num_shards=None,
    shard_bytes=_SHARD_BYTES,
    max_failures=10,
    beam_flags=(),
    progress=None,
):
    """Writes the videos of one split as TFRecord shards of all their frames.

    Shards appear whole or not at all. After an interruption the same call goes on with the shards
    that are missing; the same arguments give the same bytes. Videos are put in an order of their
    own, that of the checksums of their names, so that a shard holds all kinds of classes.

    Args:
        listed: `VideoList`, as of `list_videos`.
        directory: Folder to write to, local or a URL, made if need be; other splits of the same
            data set may be there.
        frame_format: `FrameFormat`.
        num_shards: Number of shards; by default as many as make `shard_bytes` each, at least 4.
        shard_bytes: Length of a shard wanted; about 128 MB by default.
        max_failures: Number of videos that may be missing or damaged.
        beam_flags: Flags of Apache Beam, as `["--runner=FlinkRunner", ...]`; by default it runs
            in this process, on all cores.
        progress: Called with the number of shards that are there, and of all, now and then.

    Returns:
        Path of `dataset_info.json`, str. Beside it is `failures.csv`, which says which videos
        were left out, and why.

    Raises:
        ValueError: An argument is out of its range, the folder holds another data set, this
            split made in another way or another of the same videos, or more than `max_failures`
            videos can't be used.
        OSError: A file can't be read or written.
    """
    directory = str(directory)
    frame_format.check()
    for name, value, low in (("shard_bytes", shard_bytes, 1), ("max_failures", max_failures, 0)):
        if value < low:
            raise ValueError(f"`{name}` must be at least {low}. Received: {value}")
    if num_shards is not None and not 1 <= num_shards <= len(listed.videos):
        raise ValueError(
            f"`num_shards` must be from 1 to the number of videos ({len(listed.videos)}). "
            f"Received: {num_shards}"
        )
    check_flags(beam_flags)
    listed = listed._replace(videos=sorted(listed.videos, key=_order))
    there = read_stored_info(directory)
    num_shards = (
        num_shards
        or _number_there(there, listed.split)
        or _number_of_shards(listed, frame_format, shard_bytes)
    )
    info = add_split(
        there, _common(listed), listed.split, _made_by(listed, frame_format, num_shards), directory
    )
    _check_other_videos(info, listed.split, directory)
    notes = storage.join(directory, f"unfinished-{listed.split}")
    _gather(directory, info, listed.split, notes)
    tasks = _tasks(directory, info, listed, notes, frame_format, max_failures)
    if tasks:
        with _watched(notes, num_shards - len(tasks), num_shards, progress):
            run_tasks(write_shard, tasks, beam_flags)
        failures = _gather(directory, info, listed.split, notes)
        _check_complete(directory, info, listed.split, failures, max_failures)
    elif progress:
        progress(num_shards, num_shards)
    return storage.join(directory, INFO)


def _order(video):
    return hashlib.sha256(video.media_id.encode()).digest()


def _common(listed):
    """What all splits have in common; frames differ in number and size."""
    return {
        "name": listed.name,
        "classes": list(listed.class_names),
        "clip_shape": None,
        "channels": 3,
    }


def _made_by(listed, frame_format, num_shards):
    content = json.dumps([[video.media_id, video.label] for video in listed.videos])
    return {
        "source": listed.source,
        "num_videos": len(listed.videos),
        "videos_sha256": hashlib.sha256(content.encode()).hexdigest(),
        **frame_format.made_by(),
        "num_shards": num_shards,
    }


def _check_other_videos(info, split, directory):
    """A source that knows no splits gives all its videos for any of them."""
    checksums = {
        name: description["made_by"].get("videos_sha256")
        for name, description in info["splits"].items()
    }
    ours = checksums.pop(split)
    same = [name for name, checksum in checksums.items() if checksum == ours]
    if same:
        raise ValueError(
            f"The {split} split would hold the very videos of the {same[0]} split: the source does "
            f"not tell them apart. Received: {directory}"
        )


def _number_there(info, split):
    """The number of shards that was chosen when the split was begun."""
    return info and info["splits"].get(split, {}).get("made_by", {}).get("num_shards")


def _number_of_shards(listed, frame_format, shard_bytes):
    """Estimates from a few videos how many shards make good files."""
    lengths = []
    for video in listed.videos[:_SAMPLE]:
        try:
            lengths.append(len(encode_video(video, listed, frame_format).record))
        except VideoError:  # It is counted when its shard is written.
            continue
    wanted = math.ceil(np.mean(lengths or [0]) * len(listed.videos) / shard_bytes)
    return min(max(wanted, _MIN_SHARDS), len(listed.videos))


def _gather(directory, info, split, notes):
    """Takes what the notes say over into the description and the list of failures.

    Returns:
        Failures of shards that were left out because of them.
    """
    description = info["splits"][split]
    found = {shard["file"]: shard for shard in description["shards"]}
    left_out = []
    for name, _ in list_notes(notes):
        shard = read_note(notes, name)
        if "bytes" in shard:
            found[shard["file"]] = shard
        else:
            left_out += shard["failures"]
    shards = [found[name] for name in sorted(found) if _is_there(directory, found[name])]
    description["shards"] = shards
    description["complete"] = len(shards) == description["made_by"]["num_shards"]
    description["frames"] = _frames(shards)
    _write(directory, INFO, to_text(info))
    _write(directory, FAILURES, _failures_text(info, split, left_out))
    storage.remove_folder(notes)
    return left_out


def _is_there(directory, shard):
    return storage.size(storage.join(directory, shard["file"])) == shard["bytes"]


def _frames(shards):
    frames = [shard["frames"] for shard in shards if shard["examples"]]
    return {
        "min": min((each["min"] for each in frames), default=0),
        "max": max((each["max"] for each in frames), default=0),
        "total": sum(each["total"] for each in frames),
    }


def _failures_text(info, split, left_out):
    rows = [
        {"split": name, **failure}
        for name, description in sorted(info["splits"].items())
        for shard in description["shards"]
        for failure in shard.get("failures", ())
    ]
    rows += [{"split": split, **failure} for failure in left_out]
    text = io.StringIO(newline="")
    table = csv.DictWriter(text, _COLUMNS, lineterminator="\n")
    table.writeheader()
    table.writerows(rows)
    return text.getvalue()


def _write(directory, name, text):
    with storage.written_whole(storage.join(directory, name)) as part:
        part.write_text(text, newline="")


def _tasks(directory, info, listed, notes, frame_format, max_failures):
    """Returns the shards that are missing, as `ShardTask`s."""
    description = info["splits"][listed.split]
    there = {shard["file"] for shard in description["shards"]}
    failures = sum(len(shard["failures"]) for shard in description["shards"])
    num_shards = description["made_by"]["num_shards"]
    bounds = np.linspace(0, len(listed.videos), num_shards + 1).astype(int)
    tasks = []
    for number in range(num_shards):
        name = shard_name(listed.name, listed.split, number, num_shards)
        if name not in there:
            videos = listed.videos[bounds[number] : bounds[number + 1]]
            task = ShardTask(
                path=storage.join(directory, name),
                notes=notes,
                listed=listed._replace(videos=videos),
                frame_format=frame_format,
                allowed_failures=max_failures - failures,
            )
            tasks.append(task)
    return tasks


def _check_complete(directory, info, split, left_out, max_failures):
    description = info["splits"][split]
    if description["complete"]:
        return
    failures = [f for shard in description["shards"] for f in shard["failures"]] + left_out
    first = f"{failures[-1]['path']}: {failures[-1]['reason']}"
    raise ValueError(
        f"More than max_failures={max_failures} videos of the {split} split can't be used, the "
        f"last of them {first}. {storage.join(directory, FAILURES)} lists {len(failures)}; mend "
        "them or allow more, and the same command goes on."
    )


@contextlib.contextmanager
def _watched(notes, done, num_shards, progress):
    """Reports progress while workers, wherever they are, leave their notes."""
    if progress is None:
        yield
        return
    ended = threading.Event()

    def watch():
        last = False
        while not last:
            progress(done + len(list_notes(notes)), num_shards)
            last = ended.wait(_SECONDS_BETWEEN_LOOKS)
        progress(done + len(list_notes(notes)), num_shards)

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield
    finally:
        ended.set()
        watcher.join()
