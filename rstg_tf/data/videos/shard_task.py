"""What a worker does: one shard, and a note of it."""

import json
from typing import NamedTuple

from rstg_tf.data import storage
from rstg_tf.data.record_file import write_records
from rstg_tf.data.videos.decoding import VideoError
from rstg_tf.data.videos.encoding import FrameFormat, encode_video
from rstg_tf.data.videos.video_list import VideoList


class ShardTask(NamedTuple):
    """A shard to be written.

    Attributes:
        path: Of the shard.
        notes: Folder for the notes of what was done.
        listed: `VideoList` with the videos of this shard.
        frame_format: `FrameFormat`.
        allowed_failures: Videos of all shards together that may fail.
    """

    path: str
    notes: str
    listed: VideoList
    frame_format: FrameFormat
    allowed_failures: int


def write_shard(task):
    """Writes a shard whole, then a note of it: `SHARD.FAILURES.json`.

    Videos that can't be decoded are left out and noted. Where all workers together found more of
    them than are allowed, the shard is left out, and so are all that would follow.

    Args:
        task: `ShardTask`.

    Raises:
        OSError: Files can't be read or written for another reason than a damaged video.
    """
    left = task.allowed_failures - sum(failures for _, failures in list_notes(task.notes))
    if left < 0:
        return
    name = task.path.rsplit("/", 1)[-1]
    failures, lengths = [], []
    note = {"file": name}
    try:
        with storage.written_whole(task.path) as part:
            written = write_records(part, _records(task, left, failures, lengths), task.path)
        note |= {"examples": len(lengths), **written, "frames": _frames(lengths)}
    except _TooManyFailures:
        pass
    note["failures"] = failures
    with storage.written_whole(storage.join(task.notes, _note_name(name, failures))) as part:
        part.write_text(json.dumps(note))


def list_notes(folder):
    """Returns `[(name, failures)]`: the notes in a folder, with how many videos failed in each."""
    names = storage.list_files(folder, below=False)
    return [(name, int(name.split(".")[-2])) for name in names if name.endswith(".json")]


def read_note(folder, name):
    """Returns what a note says: the shard's entry in `dataset_info.json`.

    A shard that was left out has no more than `file` and `failures`.
    """
    return json.loads(storage.read(storage.join(folder, name)))


class _TooManyFailures(Exception):
    pass


def _note_name(shard, failures):
    return f"{shard}.{len(failures)}.json"


def _records(task, left, failures, lengths):
    for video in task.listed.videos:
        try:
            encoded = encode_video(video, task.listed, task.frame_format)
        except VideoError as error:
            failures.append(
                {
                    "media_id": video.media_id,
                    "path": video.path,
                    "label": task.listed.class_names[video.label],
                    "reason": error.reason,
                }
            )
            if len(failures) > left:
                raise _TooManyFailures from error
        else:
            lengths.append(encoded.num_frames)
            yield encoded.record


def _frames(lengths):
    return {"min": min(lengths, default=0), "max": max(lengths, default=0), "total": sum(lengths)}
