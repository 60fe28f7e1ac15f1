"""How fast clips are made, stored and read: `python benchmarks/data.py`.

Rates are per second of processor time, median of several rounds, so that other work on the machine
disturbs them little. A ratio above 1 is enough.
"""

import os
import pathlib
import statistics
import sys
import tempfile
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

import _report
import cv2

from rstg_tf.data.input import training_dataset
from rstg_tf.data.shards.shard_writer import write_shards
from rstg_tf.data.shards.source import Shards
from rstg_tf.data.synthetic.interactions import Interactions
from rstg_tf.data.synthetic.syncmnist import SyncMNIST

ROUNDS, BATCH = 7, 32
WANTED = {"syncmnist5": 3000, "interactions": 200}  # made on one core
LITE_TRAINING = {"syncmnist5": 100, "interactions": 60}  # lite models on two cores


def rate(work, clips):
    """Returns clips for each second of processor time, all threads together."""
    work()
    rates = []
    for _ in range(ROUNDS):
        start = time.process_time()
        work()
        rates.append(clips / (time.process_time() - start))
    return statistics.median(rates)


def input_rate(source, batches=40):
    """Returns what the training input delivers."""
    iterator = iter(training_dataset(source, BATCH))

    def read():
        for _ in range(batches):
            next(iterator)

    return rate(read, batches * BATCH)


def main():
    cv2.setNumThreads(1)
    made, fed = [], []
    for source in (SyncMNIST(source="embedded"), Interactions()):
        count = 2000 if source.name.startswith("sync") else 300
        shape = "×".join(map(str, source.clip_shape))
        wanted, needed = WANTED[source.name], LITE_TRAINING[source.name]
        speed = rate(lambda source=source, count=count: source.batch(range(count)), count)
        made.append(
            f"| {source.name} | {shape} | {speed:,.0f} | {wanted:,} | {speed / wanted:.1f} |"
        )
        with tempfile.TemporaryDirectory() as folder:
            source.num_examples = 20 * BATCH
            write_shards(source, folder)
            for name, origin in (("on the fly", source), ("shards", Shards(folder, "train"))):
                speed = input_rate(origin)
                share = needed / (2 * speed)
                fed.append(
                    f"| {source.name} | {name} | {speed:,.0f} | {needed} | "
                    f"{speed / needed:.1f} | {share:.1%} |"
                )
    lines = [
        "## Data",
        "",
        "Clips for each second of processor time, median of "
        f"{ROUNDS} rounds; `python benchmarks/data.py`.",
        "",
        "Making clips, on one core:",
        "",
        "| data set | clip | clips/s | wanted | ratio |",
        "|---|---|---|---|---|",
        *made,
        "",
        f'Training input (batches of {BATCH}, shuffled, decoded). "Needed" is what training the '
        "lite model takes on two cores; the last column is the part of both cores' time that "
        "feeding it takes.",
        "",
        "| data set | from | clips/s for each core | needed | ratio | share |",
        "|---|---|---|---|---|---|",
        *fed,
    ]
    _report.write_section("data", "\n".join(lines))
    print("\n".join(lines))


if __name__ == "__main__":
    main()
