"""How fast clips come from JPEG shards, and in how much memory: `python benchmarks/input.py`.

8 of 60 frames of 240x320, short side 256, crops of 224, against the mere decoding of the same JPEGs
and against the plain way. All in one process, in turns; rates are per second of processor time, so
that other work on the machine disturbs them little, and by the clock.
"""

# ruff: noqa: E402

import concurrent.futures
import json
import os
import pathlib
import statistics
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

from rstg_tf.cli import startup

startup.prepare()  # Memory as in every command.

import _report
import cv2
import numpy as np
import tensorflow as tf
import tqdm

from rstg_tf.data.input import training_dataset
from rstg_tf.data.pipeline.clips import Clips
from rstg_tf.data.shards.sequence_example import encode_image, encode_images
from rstg_tf.data.shards.source import Shards
from rstg_tf.data.synthetic.interactions import Interactions

FRAMES, STORED, HEIGHT, WIDTH, QUALITY = 8, 60, 240, 320, 90
BATCH, BATCHES, ROUNDS = 16, 12, 7
PLAIN_CLIPS = 16
VIDEOS, RECORDS, SHARDS = 8, 240, 8
MEMORY_RECORDS = 5000
PLOT = pathlib.Path(__file__).with_name("input_memory.png")


def encode_videos():
    """Renders a few videos; returns their JPEGs, a list of lists of bytes."""
    source = Interactions(size=WIDTH, frames=STORED)
    top = (WIDTH - HEIGHT) // 2
    videos = []
    for index in tqdm.trange(VIDEOS, desc="rendering", disable=None):
        (video,), _ = source.batch([index])
        videos.append([encode_image(frame[top : top + HEIGHT], QUALITY) for frame in video])
    return videos


def write_shards(videos, folder):
    """Writes the videos again and again into shards, as `pipelines/make_shards.py` does."""
    shards = []
    for k in range(SHARDS):
        path = pathlib.Path(folder, f"videos-train-{k:05d}-of-{SHARDS:05d}.tfrecord")
        with tf.io.TFRecordWriter(str(path)) as writer:
            for n in range(RECORDS // SHARDS):
                images = videos[n % VIDEOS]
                size = (HEIGHT, WIDTH)
                writer.write(encode_images(images, "jpeg", size, n % 2, "class", f"{n}", 12.0))
        size = path.stat().st_size
        shards.append({"file": path.name, "examples": RECORDS // SHARDS, "bytes": size})
    split = {"complete": True, "made_by": {}, "shards": shards}
    info = {"name": "videos", "classes": ["a", "b"], "clip_shape": None, "splits": {"train": split}}
    pathlib.Path(folder, "dataset_info.json").write_text(json.dumps(info))
    return Shards(folder, "train", Clips(frames=FRAMES, size=224, short_side=256))


def decoders():
    """The ways at hand to decode a list of JPEGs to RGB on all cores: name -> function."""
    pool = concurrent.futures.ThreadPoolExecutor(os.cpu_count())

    def opencv(images):
        for image in images:
            cv2.imdecode(np.frombuffer(image, np.uint8), cv2.IMREAD_COLOR_RGB)

    @tf.function(input_signature=[tf.TensorSpec([FRAMES], tf.string)])
    def tensorflow(images):
        return [tf.io.decode_jpeg(images[k], 3, dct_method="INTEGER_FAST") for k in range(FRAMES)]

    def on_all_cores(decode):
        return lambda clips: list(pool.map(decode, clips))

    return {"OpenCV": on_all_cores(opencv), "TensorFlow": on_all_cores(tensorflow)}


def plain(source):
    """One TFRecordDataset, all frames decoded, no parallelism; endless."""
    context = {"clip/label/index": tf.io.FixedLenFeature((), tf.int64)}
    sequence = {"image/encoded": tf.io.FixedLenSequenceFeature((), tf.string)}
    size = [256, WIDTH * 256 // HEIGHT]

    def read(record):
        context_of, sequence_of = tf.io.parse_single_sequence_example(record, context, sequence)
        images = tf.map_fn(
            lambda image: tf.io.decode_jpeg(image, 3),
            sequence_of["image/encoded"],
            fn_output_signature=tf.uint8,
        )
        images = tf.gather(images, np.linspace(0, STORED - 1, FRAMES).astype(int))
        images = tf.image.resize(images, size)
        clip = tf.cast(tf.image.random_crop(images, (FRAMES, 224, 224, 3)), tf.uint8)
        return clip, context_of["clip/label/index"]

    return tf.data.TFRecordDataset(source.files).repeat().map(read).batch(PLAIN_CLIPS)


def used(work):
    """Runs something until its threads rest; returns seconds by the clock and of the processor."""
    wall, processor = time.perf_counter(), time.process_time()
    work()
    while True:
        ended, before = time.perf_counter(), time.process_time()
        time.sleep(0.1)
        if time.process_time() - before < 0.01:
            return ended - wall, before - processor


def take(iterator, count):
    def work():
        for _ in range(count):
            next(iterator)

    return work


def measure(source, videos):
    """Returns a table: clips/s of every way, by the clock and of processor time."""
    chosen = np.linspace(0, STORED - 1, FRAMES).astype(int)
    clips = [[videos[n % VIDEOS][int(k)] for k in chosen] for n in range(BATCH * BATCHES)]
    ours, simple = iter(training_dataset(source, BATCH)), iter(plain(source))
    records = tf.data.TFRecordDataset(source.files, buffer_size=0).repeat()
    few, unread = records.take(VIDEOS).as_numpy_iterator(), iter(records)
    few, out = list(few), np.empty(source.clip_shape, np.uint8)

    def clips_alone():
        for n in range(BATCH * BATCHES):
            source.read(few[n % VIDEOS], out, np.random.default_rng(n))

    works = {
        "this pipeline": (take(ours, BATCHES), BATCH * BATCHES),
        **{
            f"{name}'s decoder alone": (lambda decode=decode: decode(clips), len(clips))
            for name, decode in decoders().items()
        },
        "one thread: decoding, cropping, resizing alone": (clips_alone, BATCH * BATCHES),
        "one thread: reading records alone": (take(unread, BATCH * BATCHES), BATCH * BATCHES),
        "the plain way": (take(simple, 1), PLAIN_CLIPS),
    }
    for work, _ in works.values():
        used(work)
    times = {name: [] for name in works}
    for _ in tqdm.trange(ROUNDS, desc="measuring", disable=None):
        for name, (work, count) in works.items():
            times[name].append([count / seconds for seconds in used(work)])
    return {name: np.median(rates, axis=0) for name, rates in times.items()}


def memory(source):
    """Resident memory in MiB while 5,000 records are read: two lists, records and MiB."""
    iterator = iter(training_dataset(source, BATCH))
    records, resident = [], []
    for step in tqdm.trange(MEMORY_RECORDS // BATCH + 1, desc="memory", disable=None):
        next(iterator)
        if step % 4 == 0:
            pages = int(pathlib.Path("/proc/self/statm").read_text().split()[1])
            records.append((step + 1) * BATCH)
            resident.append(pages * os.sysconf("SC_PAGE_SIZE") / 2**20)
    return records, resident


def plot(records, resident):
    from matplotlib.figure import Figure

    axes = Figure(figsize=(5, 2.4), layout="constrained").add_subplot()
    axes.plot(records, resident, linewidth=1)
    axes.set(xlabel="records read", ylabel="resident memory (MiB)", ylim=(0, None))
    axes.grid(alpha=0.3)
    axes.figure.savefig(PLOT, dpi=80)


def main():
    cv2.setNumThreads(1)
    with tempfile.TemporaryDirectory() as folder:
        videos = encode_videos()
        source = write_shards(videos, folder)
        rates = measure(source, videos)
        records, resident = memory(source)
    plot(records, resident)
    ours = rates["this pipeline"]
    ceiling = max((name for name in rates if "decoder" in name), key=lambda name: rates[name][1])
    rows = [
        f"| {name} | {rate[1]:,.0f} | {ours[1] / rate[1]:.2f} | {rate[0]:,.0f} | "
        f"{ours[0] / rate[0]:.2f} |"
        for name, rate in rates.items()
    ]
    alone = [rates[name][1] for name in rates if name.endswith(("resizing alone", "records alone"))]
    bound = 1 / sum(1 / rate for rate in alone) / rates[ceiling][1]
    half, share = len(resident) // 2, ours[1] / rates[ceiling][1]
    size = statistics.mean(len(image) for video in videos for image in video) / 1000
    lines = [
        "## Input",
        "",
        f"`python benchmarks/input.py`: {FRAMES} of {STORED} frames of {HEIGHT}×{WIDTH} (JPEG of "
        f"quality {QUALITY}, {size:.0f} kB) to random crops of 224×224 at short side 256, in "
        f"shuffled batches of {BATCH}. Medians of {ROUNDS} rounds in turns in one process. "
        "A decoder alone decodes the same JPEGs, from memory, on all cores, and does nothing "
        'else; "the plain way" is one `TFRecordDataset` whose `map` decodes all frames, without '
        "parallelism. Wanted: 0.80 of the faster decoder and 3 times the plain way. Other work "
        "disturbs the clock more than the processor's time.",
        "",
        "| | clips/s of processor time | ours / it | clips/s by the clock | ours / it |",
        "|---|---|---|---|---|",
        *rows,
        "",
        f"The faster decoder is {ceiling.partition(chr(39))[0]}'s: {share:.2f} of it is reached. "
        "Cropping and resizing (by 256/240), and reading and checking all 60 frames of a record "
        f"for the {FRAMES} that are decoded, leave at most {bound:.2f} of it; the rest is "
        "the cost of passing records and clips through `tf.data`.",
        "",
        f"Memory of the process over {records[-1]:,} records, shuffle buffer (256 MiB) included: "
        f"{max(resident[:half]):,.0f} MiB at most in the first half, "
        f"{max(resident[half:]):,.0f} MiB in the second.",
        "",
        f"![Resident memory over records]({PLOT.name})",
    ]
    _report.write_section("input", "\n".join(lines))
    print("\n".join(lines))


if __name__ == "__main__":
    main()
