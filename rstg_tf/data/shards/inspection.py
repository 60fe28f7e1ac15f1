"""What a folder of shards holds, read from every record; and whether all of it is whole."""

from typing import NamedTuple

import numpy as np

from rstg_tf.data import storage
from rstg_tf.data.shards.dataset_info import read_info
from rstg_tf.data.shards.records import lengths_fit, sha256_of
from rstg_tf.data.shards.sequence_example import describe_record
from rstg_tf.text import printable

_TABLE_DIGITS = 1
_COLUMNS = [
    *("split", "file", "record", "media_id", "label", "class"),
    *("frames", "height", "width", "frame_rate", "bytes"),
]
_HEIGHT, _CAPTION, _MARGIN = 90, 18, 4
_MAX_WIDTH = 8 * _HEIGHT


class Damage(NamedTuple):
    """What is wrong with a shard: `record` counts from 0, None means the whole file."""

    file: str
    record: int | None
    reason: str

    def __str__(self):
        """Returns file, record and reason in a line."""
        record = "" if self.record is None else f", record {self.record}"
        return f"{self.file}{record}: {self.reason}"


class Inspection(NamedTuple):
    """What was found in the shards: `info` is the content of `dataset_info.json`.

    `records` is a `pandas.DataFrame` with a row of `_COLUMNS` for each record, where `record` is
    the number in the file and `label` an index; `damages` is a list of `Damage`.
    """

    info: dict
    records: object
    damages: list

    def by_split(self):
        """Returns a `pandas.DataFrame` of numbers, lengths and sizes, a row for each split."""
        splits = self.info["splits"]
        frames = self.records.groupby("split")["frames"]
        seconds = (self.records["frames"] / self.records["frame_rate"]).groupby(
            self.records["split"]
        )
        table = frames.agg(videos="count", frames_min="min", frames_median="median")
        table["frames_max"] = frames.max()
        table["seconds_mean"] = seconds.mean()
        table["megabytes"] = self.records.groupby("split")["bytes"].sum() / 1e6
        table["shards"] = [len(splits[name]["shards"]) for name in table.index]
        table["failures"] = [
            sum(len(shard.get("failures", ())) for shard in splits[name]["shards"])
            for name in table.index
        ]
        return table.round(_TABLE_DIGITS)

    def by_class(self):
        """Returns a `pandas.DataFrame` of videos of each split and mean frames, a row a class."""
        import pandas as pd

        names = pd.Index(self.info["classes"], name="class")
        groups = self.records.groupby(["class", "split"]).size().unstack(fill_value=0)
        table = groups.reindex(names, fill_value=0)
        table["frames_mean"] = self.records.groupby("class")["frames"].mean().reindex(names)
        return table.round(_TABLE_DIGITS)

    def by_size(self):
        """Returns a `pandas.DataFrame` of videos of each size of frames and their rates."""
        sizes = self.records.groupby(["height", "width", "frame_rate"]).size()
        return sizes.rename("videos").sort_values(ascending=False).reset_index()


def inspect_shards(directory, verify=False, keep=None, progress=None):
    """Reads every record of a folder of shards (a path or a URL) and returns an `Inspection`.

    `verify` compares files with the recorded lengths and checksums, and gathers damage instead of
    raising FileNotFoundError or ValueError at the first. `keep(row, record)` gets every whole
    record and raises ValueError for a damaged frame; `progress` gets the bytes of each shard read.
    A missing or damaged description always raises.
    """
    import pandas as pd

    info = read_info(directory)
    if info is None:
        raise FileNotFoundError(
            f"There is no such folder, or none with a dataset_info.json. Received: {directory}"
        )
    rows, damages = [], []
    for split, description in info["splits"].items():
        if not description["complete"]:
            damages.append(Damage(str(directory), None, f"the {split} split is not finished"))
        for shard in description["shards"]:
            path = storage.join(directory, shard["file"])
            for found in _read_shard(path, shard, info["classes"], verify):
                if isinstance(found, Damage):
                    damages.append(found)
                    continue
                row, record = found
                row |= {"split": split, "file": shard["file"]}
                rows.append(row)
                damage = _kept(keep, row, record, path)
                if damage:
                    damages.append(_name_damage(damage, path, verify))
            if progress:
                progress(shard["bytes"])
    return Inspection(info, pd.DataFrame(rows, columns=_COLUMNS), damages)


def _kept(keep, row, record, path):
    """Hands a record on; returns a `Damage` where its frames can't be decoded."""
    try:
        if keep:
            keep(row, record)
    except ValueError as error:
        return Damage(path, row["record"], str(error))
    return None


def _read_shard(path, shard, classes, verify):
    """Yields `(row, record)`, and a `Damage` if there is one and it is to be gathered."""
    try:
        with storage.local_copy(path) as local:
            faults = _read_local(local, shard, classes, verify)
            yield from (_name_damage(found, path, verify) for found in faults)
    except FileNotFoundError:
        if not verify:
            raise FileNotFoundError(f"A shard is missing. Received: {path}") from None
        yield Damage(path, None, "it is missing")


def _name_damage(found, path, verify):
    if not isinstance(found, Damage):
        return found
    found = found._replace(file=path)
    if not verify:
        raise ValueError(f"A shard is damaged: {found}")
    return found


def _read_local(path, shard, classes, verify):
    import tensorflow as tf

    number = 0
    try:
        if not lengths_fit(path):
            raise ValueError("a record in it claims to be longer than the file")
        for record in tf.data.TFRecordDataset(str(path)).as_numpy_iterator():
            row = describe_record(record)
            if not 0 <= row["label"] < len(classes):
                raise ValueError(f"it has label {row['label']}, where there are {len(classes)}")
            yield {**row, "class": classes[row["label"]], "record": number}, record
            number += 1
    except tf.errors.NotFoundError as error:
        raise FileNotFoundError(str(path)) from error
    except tf.errors.DataLossError as error:
        # TensorFlow compares the two checksums of each record.
        yield Damage("", number, f"its checksum or length is wrong ({error.message})")
    except ValueError as error:
        yield Damage("", number, str(error))
    else:
        if number != shard["examples"]:
            reason = f"it holds {number} records, where {shard['examples']} were written"
            yield Damage("", None, reason)
    if verify:
        checksum, wanted = sha256_of(path), shard.get("sha256")
        if wanted is None:
            yield Damage("", None, "dataset_info.json does not say its sha256")
        elif checksum != wanted:
            reason = f"its sha256 is {checksum}, where dataset_info.json says {wanted}"
            yield Damage("", None, reason)


class ContactSheet:
    """Gathers the first `rows` videos of classes spread over all, and draws `frames` of each."""

    def __init__(self, classes, rows=16, frames=8):
        self._frames = frames
        chosen = np.linspace(0, classes - 1, min(rows, classes)).round().astype(int)
        each = -(-rows // len(chosen))
        self._wanted = {int(label): each for label in chosen}
        self._rows = rows
        self._drawn = []

    def add(self, row, record):
        """Takes a video if one of its class is still wanted; fits `keep` of `inspect_shards`.

        Raises ValueError if a frame can't be decoded.
        """
        if not self._wanted.get(row["label"]) or len(self._drawn) == self._rows:
            return
        self._wanted[row["label"]] -= 1
        self._drawn.append((row["label"], _draw(row, record, self._frames)))

    def write(self, path):
        """Writes the sheet as a PNG file, local or at a URL."""
        from PIL import Image

        strips = [strip for _, strip in sorted(self._drawn, key=lambda drawn: drawn[0])]
        width = max((strip.width for strip in strips), default=1)
        sheet = Image.new("RGB", (width, sum(strip.height for strip in strips) or 1), "white")
        top = 0
        for strip in strips:
            sheet.paste(strip, (0, top))
            top += strip.height
        with storage.written_whole(path) as part:
            sheet.save(part, format="PNG")


def _draw(row, record, frames):
    from PIL import Image

    from rstg_tf.data.shards.sequence_example import decode_frame, parse_example
    from rstg_tf.visualize import write_line

    images, _ = parse_example(record)
    positions = np.linspace(0, len(images) - 1, min(frames, len(images))).astype(int)
    pictures = [Image.fromarray(decode_frame(images, position)) for position in positions]
    width = min(max(round(pictures[0].width * _HEIGHT / pictures[0].height), 1), _MAX_WIDTH)
    size = (frames * (width + _MARGIN), _CAPTION + _HEIGHT + _MARGIN)
    caption = printable(f"{row['class']}  ({row['media_id']}, {row['frames']} frames)")
    strip = np.full((*size[::-1], 3), 255, np.uint8)
    write_line(strip, caption, 2, 0, _CAPTION - 2, (0, 0, 0))
    strip = Image.fromarray(strip)
    for number, picture in enumerate(pictures):
        scaled = picture.resize((width, _HEIGHT))
        strip.paste(scaled, (number * (width + _MARGIN), _CAPTION))
    return strip
