"""Shards of real videos, made by Apache Beam on one machine or on many."""

import contextlib
import csv
import hashlib
import io
import json
import logging
import math
import threading

import numpy as np

from rstg_tf.data import storage
from rstg_tf.data.shards.dataset_info import INFO, add_split, read_info, shard_name, write_split
from rstg_tf.data.shards.shard_writer import one_maker
from rstg_tf.data.videos.beam import check_flags, run_tasks
from rstg_tf.data.videos.encoding import FrameFormat
from rstg_tf.data.videos.shard_task import (
    CHECKED,
    FAILED,
    WRITTEN,
    ShardTask,
    check_shard,
    encoded_length,
    list_notes,
    read_note,
    write_shard,
)
from rstg_tf.files import check_room

FAILURES = "failures.csv"
_log = logging.getLogger(__name__)
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
    tell=None,
):
    """Writes the videos of a `VideoList` as shards of all their frames, and `failures.csv`.

    Equal arguments give equal bytes. After an interruption the same call makes the missing shards;
    those that lack their checksum, or whose videos were replaced or can be decoded only now, are
    made again. Videos are sorted by the checksums of their names, so that a shard holds all kinds
    of classes. A second call for the same split waits; in a store such as S3, which has no locks,
    both do all the work.

    By default there are at least 4 shards, of `shard_bytes` each. `progress` gets the numbers of
    shards done and of all, `tell` a line for the user. Returns the path of `dataset_info.json`;
    raises ValueError if the folder holds another dataset, this split made in another way or another
    split of the same videos, or if more than `max_failures` videos fail.
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
    there = read_info(directory)
    known = _number_there(there, listed)
    lengths = [] if known else _some_lengths(listed, frame_format)
    num_shards = num_shards or known or _number_of_shards(listed, lengths, shard_bytes)
    made_by = _made_by(listed, frame_format, num_shards)
    info = add_split(there, _common(listed), listed.split, made_by, directory)
    _check_other_videos(info, listed.split, directory)
    maker = _Maker(directory, listed, frame_format, made_by, max_failures, beam_flags, progress)
    if storage.is_remote(directory):
        maker.make(tell or _log.warning)
    else:
        check_room(directory, math.ceil(np.mean(lengths or [0]) * len(listed.videos)))
        with one_maker(directory, listed.split, tell or _log.warning):
            maker.make(tell or _log.warning)
    return storage.join(directory, INFO)


def _order(video):
    return hashlib.sha256(video.media_id.encode(errors="backslashreplace")).digest()


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


def _number_there(info, listed):
    """The number of shards that was chosen when the split was begun."""
    split = info["splits"].get(listed.split, {}) if info else {}
    number = split.get("made_by", {}).get("num_shards")
    return number if type(number) is int and 1 <= number <= len(listed.videos) else None


def _some_lengths(listed, frame_format):
    lengths = (encoded_length(video, listed, frame_format) for video in listed.videos[:_SAMPLE])
    return [length for length in lengths if length]  # Others are told when shards are written.


def _number_of_shards(listed, lengths, shard_bytes):
    """Estimates from a few videos how many shards make good files."""
    wanted = math.ceil(np.mean(lengths or [0]) * len(listed.videos) / shard_bytes)
    return min(max(wanted, _MIN_SHARDS), len(listed.videos))


class _Maker:
    """Makes one split: what is there is checked, what is missing is made, both by tasks."""

    def __init__(
        self, directory, listed, frame_format, made_by, max_failures, beam_flags, progress
    ):
        self._directory, self._listed, self._made_by = directory, listed, made_by
        self._frame_format, self._max_failures = frame_format, max_failures
        self._beam_flags, self._progress = beam_flags, progress
        self._notes = storage.join(directory, f"unfinished-{listed.split}")
        self._run = hashlib.sha256(json.dumps(made_by, sort_keys=True).encode()).hexdigest()
        self._num_shards = made_by["num_shards"]
        self._names = [
            shard_name(listed.name, listed.split, number, self._num_shards)
            for number in range(self._num_shards)
        ]

    def make(self, tell):
        there = read_info(self._directory)
        split = self._listed.split
        self._info = add_split(there, _common(self._listed), split, self._made_by, self._directory)
        self._gather()
        self._leave_out(self._faults(), tell)
        missing = self._tasks(lambda name: name not in self._there())
        if missing:
            done = self._num_shards - len(missing)
            self._run_tasks(write_shard, missing, (WRITTEN, FAILED), done)
            self._check_complete(self._gather())
        elif self._progress:
            self._progress(self._num_shards, self._num_shards)

    def _there(self):
        return {shard["file"]: shard for shard in self._description["shards"]}

    @property
    def _description(self):
        return self._info["splits"][self._listed.split]

    def _gather(self):
        """Brings the description and the list of failures up to date with the notes.

        Returns the failures of shards that were left out because of them.
        """
        found, left_out = self._there(), []
        for name in list_notes(self._notes, WRITTEN, FAILED):
            shard = read_note(self._notes, name, self._run)
            if shard and "bytes" in shard:
                found[shard["file"]] = shard
            elif shard:
                left_out += shard["failures"]
        self._write(found, left_out)
        storage.remove_folder(self._notes)
        return left_out

    def _faults(self):
        """Returns what is wrong with shards that are there, by their names."""
        there = self._there()
        tasks = self._tasks(lambda name: name in there)
        if not tasks:
            return {}
        self._run_tasks(check_shard, tasks, (CHECKED,), 0)
        names = list_notes(self._notes, CHECKED)
        notes = [read_note(self._notes, name, self._run) for name in names]
        faults = {note["file"]: note["fault"] for note in notes if note}
        storage.remove_folder(self._notes)
        unknown = "could not be checked"
        return {name: fault for name in there if (fault := faults.get(name, unknown))}

    def _leave_out(self, faults, tell):
        for name, fault in faults.items():
            path = storage.join(self._directory, name)
            tell(f"A shard {fault}; it is made again: {path}")
        if faults:
            self._write({n: s for n, s in self._there().items() if n not in faults}, [])

    def _write(self, found, left_out):
        """Lets the description say which shards are there."""
        shards = [
            found[name]
            for name in self._names
            if name in found and _is_there(self._directory, found[name])
        ]
        description = {
            **self._description,
            "complete": len(shards) == self._num_shards,
            "shards": shards,
            "frames": _frames(shards),
        }
        split = self._listed.split
        info = {**self._info, "splits": {**self._info["splits"], split: description}}
        self._info = write_split(
            self._directory,
            info,
            split,
            then=lambda written: _write_failures(self._directory, written, split, left_out),
        )

    def _tasks(self, wanted):
        """Returns the shards whose names are wanted, as `ShardTask`s."""
        there = self._there()
        failures = sum(len(shard.get("failures", ())) for shard in there.values())
        bounds = np.linspace(0, len(self._listed.videos), self._num_shards + 1).astype(int)
        return [
            ShardTask(
                path=storage.join(self._directory, name),
                notes=self._notes,
                run=self._run,
                listed=self._listed._replace(
                    videos=self._listed.videos[bounds[number] : bounds[number + 1]]
                ),
                frame_format=self._frame_format,
                allowed_failures=self._max_failures - failures,
                there=there.get(name),
            )
            for number, name in enumerate(self._names)
            if wanted(name)
        ]

    def _run_tasks(self, function, tasks, kinds, done):
        def count():
            return done + len(list_notes(self._notes, *kinds))

        with _watched(count, self._num_shards, self._progress):
            run_tasks(function, tasks, self._beam_flags)

    def _check_complete(self, left_out):
        if self._description["complete"]:
            return
        failures = [f for shard in self._description["shards"] for f in shard.get("failures", ())]
        failures += left_out
        if not failures:
            raise OSError(
                "Workers left shards out without a word; the same command goes on. "
                f"Received: {self._directory}"
            )
        first = f"{failures[-1]['path']}: {failures[-1]['reason']}"
        raise ValueError(
            f"More than max_failures={self._max_failures} videos of the {self._listed.split} split "
            f"can't be used, the last of them {first}. "
            f"{storage.join(self._directory, FAILURES)} lists {len(failures)}; mend them or allow "
            "more, and the same command goes on."
        )


def _is_there(directory, shard):
    return storage.size(storage.join(directory, shard["file"])) == shard["bytes"]


def _frames(shards):
    frames = [shard["frames"] for shard in shards if shard["examples"]]
    return {
        "min": min((each["min"] for each in frames), default=0),
        "max": max((each["max"] for each in frames), default=0),
        "total": sum(each["total"] for each in frames),
    }


def _write_failures(directory, info, split, left_out):
    rows = [
        {"split": name, **failure}
        for name, description in sorted(info["splits"].items())
        for shard in description["shards"]
        for failure in shard.get("failures", ())
    ]
    rows += [{"split": split, **failure} for failure in left_out]
    text = io.StringIO(newline="")
    table = csv.DictWriter(text, _COLUMNS, extrasaction="ignore", lineterminator="\n")
    table.writeheader()
    table.writerows(rows)
    with storage.written_whole(storage.join(directory, FAILURES)) as part:
        part.write_text(text.getvalue(), "utf-8", "backslashreplace", newline="")


@contextlib.contextmanager
def _watched(count, num_shards, progress):
    """Reports progress while workers, wherever they are, leave their notes."""
    if progress is None:
        yield
        return
    ended = threading.Event()

    def watch():
        last = False
        while not last:
            progress(count(), num_shards)
            last = ended.wait(_SECONDS_BETWEEN_LOOKS)
        progress(count(), num_shards)

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield
    finally:
        ended.set()
        watcher.join()
