"""Shards of videos that are stored whole, as `pipelines/make_shards.py` writes them."""

import json
import pathlib

import cv2
import numpy as np
import tensorflow as tf

from rstg_tf.data.shards.sequence_example import encode_image, encode_images


def smooth_video(frames, height, width, seed=0):
    """uint8 `[frames, height, width, 3]` that survives JPEG, other in every frame."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(40, 216, (frames, 4, 5, 3), np.uint8)
    return np.stack([cv2.resize(image, (width, height)) for image in coarse])


def encode_video(video, label, name, quality=95):
    """A serialized sequence example with JPEG frames."""
    images = [encode_image(frame, quality) for frame in video]
    return encode_images(images, "jpeg", video.shape[1:3], label, f"class {label}", name, 12.0)


def write_records(directory, split, shards, class_names):
    """Writes a split of given records.

    Args:
        directory: folder, a `pathlib.Path`.
        split: name of the split.
        shards: for each shard a list of records, bytes.
        class_names: names of the classes.
    """
    directory = pathlib.Path(directory)
    directory.mkdir(parents=True, exist_ok=True)
    info = {"name": "videos", "classes": class_names, "clip_shape": None, "splits": {}}
    path = directory / "dataset_info.json"
    if path.exists():
        info = json.loads(path.read_text())
    described = []
    for k, records in enumerate(shards):
        file = directory / f"videos-{split}-{k:05d}-of-{len(shards):05d}.tfrecord"
        with tf.io.TFRecordWriter(str(file)) as writer:
            for record in records:
                writer.write(record)
        size = file.stat().st_size
        described.append({"file": file.name, "examples": len(records), "bytes": size})
    info["splits"][split] = {"complete": True, "made_by": {}, "shards": described}
    path.write_text(json.dumps(info))


def write_videos(directory, split="train", count=12, shards=3, classes=3, size=(40, 60)):
    """Writes a split of small videos of 5 to 9 frames; video n is of class `n % classes`.

    Returns:
        The videos, a list of uint8 `[T, H, W, 3]`.
    """
    videos = [smooth_video(5 + n % 5, *size, seed=n) for n in range(count)]
    records = [encode_video(video, n % classes, f"{n}") for n, video in enumerate(videos)]
    parts = [records[k * count // shards : (k + 1) * count // shards] for k in range(shards)]
    write_records(directory, split, parts, [f"class {k}" for k in range(classes)])
    return videos
