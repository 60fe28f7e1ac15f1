"""What a worker does: one shard is written or checked, and a note of it is left."""

import hashlib
import json
import os
import re
from typing import NamedTuple

from rstg_tf.checked_json import parse
from rstg_tf.data import storage
from rstg_tf.data.shards.dataset_info import SHARD
from rstg_tf.data.shards.records import sha256_of, write_records
from rstg_tf.data.videos.decoding import VideoError
from rstg_tf.data.videos.encoding import FrameFormat, encode_video
from rstg_tf.data.videos.file_names import frames_in_order
from rstg_tf.data.videos.video_list import VideoList

# Of a shard written, of one with failures, of one that was there.
WRITTEN, FAILED, CHECKED = "written", "failed", "checked"
_NOTE = re.compile(rf".+\.tfrecord\.({WRITTEN}|{FAILED}|{CHECKED})\.json")
_LEFT_OUT = {"file": str, "failures": SHARD["failures"]}
_MAX_REASON = 300


class ShardTask(NamedTuple):
    """A shard to be written, or to be checked if it is there."""

    path: str
    notes: str  # Folder of the notes on what was done.
    run: str  # Checksum of the arguments of all shards, which notes bear.
    listed: VideoList  # With the videos of this shard only.
    frame_format: FrameFormat
    allowed_failures: int = 0  # In all shards together.
    there: dict | None = None  # Its entry in `dataset_info.json`, to be checked.


def write_shard(task):
    """Writes a shard whole, then a note of it: `SHARD.written.json` or `SHARD.failed.json`.

    Videos that can't be decoded are left out and noted; if all workers together found too many of
    them, this shard and all later ones are left out. Other failures to read or write raise OSError.
    """
    failed = (read_note(task.notes, name, task.run) for name in list_notes(task.notes, FAILED))
    left = task.allowed_failures - sum(len(note.get("failures", ())) for note in failed if note)
    if left < 0:
        return
    name = task.path.rsplit("/", 1)[-1]
    failures, lengths, videos = [], [], hashlib.sha256()
    note = {"file": name}
    try:
        with storage.written_whole(task.path) as part:
            records = _records(task, left, failures, lengths, videos)
            written = write_records(part, records, task.path)
        frames = _frames(lengths)
        note |= {"examples": len(lengths), **written, "videos_sha256": videos.hexdigest()}
        note["frames"] = frames
    except _TooManyFailures:
        pass
    note["failures"] = failures
    _leave(task, FAILED if failures else WRITTEN, note)


def check_shard(task):
    """Checks a shard that is there, then leaves a note: `SHARD.checked.json`.

    It must be made again if its checksum is wrong, one of its videos was replaced, or one that
    failed can now be decoded.
    """
    _leave(task, CHECKED, {"file": task.path.rsplit("/", 1)[-1], "fault": _fault(task)})


def encoded_length(video, listed, frame_format):
    """Returns the length of a video's record, or None where it can't be used."""
    encoded, _ = _encoded(video, listed, frame_format)
    return None if encoded is None else len(encoded.record)


def list_notes(folder, *kinds):
    """Returns the names of notes of some kinds: `WRITTEN`, `FAILED`, `CHECKED`."""
    found = map(_NOTE.fullmatch, storage.list_files(folder, below=False))
    return [match[0] for match in found if match and match[1] in kinds]


def read_note(folder, name, run):
    """Returns what a note says, or None if it is damaged or of other arguments.

    A shard written has its entry in `dataset_info.json`, one left out `file` and `failures`, and
    one checked `file` and `fault`, empty if it is good.
    """
    is_checked = name.endswith(f".{CHECKED}.json")
    form = {"file": str, "fault": str} if is_checked else (SHARD, _LEFT_OUT)
    path = storage.join(folder, name)
    try:
        note = parse(storage.read(path), {"run": str, "shard": form}, "The note", path)
    except (ValueError, FileNotFoundError):
        return None
    fits = note["run"] == run and name.startswith(f"{note['shard']['file']}.")
    return note["shard"] if fits else None


class _TooManyFailures(Exception):
    pass


def _leave(task, kind, note):
    name = f"{note['file']}.{kind}.json"
    with storage.written_whole(storage.join(task.notes, name)) as part:
        part.write_text(json.dumps({"run": task.run, "shard": note}))


def _records(task, left, failures, lengths, videos):
    for video in task.listed.videos:
        # Before it is decoded: one that is replaced meanwhile is found the next time.
        videos.update(_checksum(task.listed, video))
        encoded, reason = _encoded(video, task.listed, task.frame_format)
        if encoded is not None:
            lengths.append(encoded.num_frames)
            yield encoded.record
            continue
        failures.append(
            {
                "media_id": video.media_id,
                "path": video.path,
                "label": task.listed.class_names[video.label],
                "reason": reason,
            }
        )
        if len(failures) > left:
            raise _TooManyFailures


def _encoded(video, listed, frame_format):
    """Returns `(EncodedVideo, None)`, or `(None, reason)` where a video can't be used."""
    import av

    try:
        return encode_video(video, listed, frame_format), None
    except VideoError as error:
        return None, error.reason
    except OSError as error:
        # A store that does not answer is no fault of the video.
        if storage.is_remote(listed.root) and not isinstance(error, av.FFmpegError):
            raise
        return None, _said(error)
    except Exception as error:  # A damaged video can end a decoder in almost any exception.
        return None, _said(error)


def _said(error):
    lines = str(error).splitlines() or [""]
    return f"{type(error).__name__}: {lines[0]}"[:_MAX_REASON]


def _fault(task):
    there = task.there
    try:
        with storage.local_copy(task.path) as local:
            if not os.path.isfile(local) or sha256_of(local) != there.get("sha256"):
                return "does not have its checksum"
    except FileNotFoundError:
        return "is missing"
    videos = hashlib.sha256()
    for video in task.listed.videos:
        videos.update(_checksum(task.listed, video))
    if there.get("videos_sha256", videos.hexdigest()) != videos.hexdigest():
        return "was made of other videos than are there now"
    failed = {failure["media_id"] for failure in there.get("failures", ())}
    for video in task.listed.videos:
        if (
            video.media_id in failed
            and _encoded(video, task.listed, task.frame_format)[0] is not None
        ):
            return f"lacks {video.path}, which failed and can be decoded now"
    return ""


def _checksum(listed, video):
    """Bytes that are others where a video is another: of its content, or its fingerprint afar."""
    path = storage.join(listed.root, video.path)
    if listed.image_rate is None:
        return _checksum_of_file(path)
    images = hashlib.sha256()
    for name in frames_in_order(storage.list_files(path, below=False)):
        images.update(name.encode(errors="backslashreplace"))
        if not storage.is_remote(path):  # Millions of requests.
            images.update(_checksum_of_file(storage.join(path, name)))
    return images.digest()


def _checksum_of_file(path):
    if storage.is_remote(path):
        return hashlib.sha256(str(storage.fingerprint(path)).encode()).digest()
    try:
        found = sha256_of(path) if os.path.isfile(path) else "missing"
    except OSError:  # It is left out with the reason.
        found = "unreadable"
    return hashlib.sha256(found.encode()).digest()


def _frames(lengths):
    return {"min": min(lengths, default=0), "max": max(lengths, default=0), "total": sum(lengths)}
