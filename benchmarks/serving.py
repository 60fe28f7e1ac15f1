"""An exported model under load: `python benchmarks/serving.py [--model=NAME] [--smoke]`.

The artefact that `exports/export.py` writes, in this process, behind the batch scheduler that
TensorFlow Serving uses (`tf.nondifferentiable_batch_function`), asked by threads that each wait for
their answer. No sockets: what a network adds is not in these figures. `--smoke` is a quick look
that writes nothing.
"""

import argparse
import concurrent.futures
import os
import pathlib
import sys
import tempfile
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

import _report
import numpy as np
import tabulate
import tensorflow as tf
import tqdm

from rstg_tf.evaluation.subject import load_subject
from rstg_tf.serving import export_model
from rstg_tf.serving.settings import settings_of

BATCH_SIZES, CONCURRENCY = (1, 2, 4, 8), (1, 2, 4, 8, 16)
TIMEOUT_MICROS, ENQUEUED, THREADS = 2000, 64, 2  # As exports/serving/batching.config.
STREAMS, WINDOW, WANTED_CHEAPER = (1, 64), 16, 8
ROUNDS = 20


def batched(signature, max_batch_size):
    """The signature `classify` behind a batch scheduler: a function of uint8 `[1, T, H, W, C]`."""

    @tf.nondifferentiable_batch_function(
        num_batch_threads=THREADS,
        max_batch_size=max_batch_size,
        batch_timeout_micros=TIMEOUT_MICROS,
        allowed_batch_sizes=[size for size in BATCH_SIZES if size <= max_batch_size],
        max_enqueued_batches=ENQUEUED,
    )
    def together(clips):
        return signature(clips=clips)["logits"]

    return tf.function(together).get_concrete_function


def load(ask, clip, concurrency, seconds, each=None):
    """Asks again and again from many threads; returns latencies in seconds and clips a second."""
    end = time.perf_counter() + seconds

    def client():
        latencies = []
        while (begun := time.perf_counter()) < end:
            ask(clip).numpy()
            latencies.append(time.perf_counter() - begun)
            if each:
                each()
        return latencies

    begun = time.perf_counter()
    with concurrent.futures.ThreadPoolExecutor(concurrency) as pool:
        futures = [pool.submit(client) for _ in range(concurrency)]
        latencies = [latency for future in futures for latency in future.result()]
    return np.array(latencies), len(latencies) / (time.perf_counter() - begun)


def grid(signature, clip, seconds):
    """Rows: batch size, concurrency, p50, p95, p99 in ms, clips a second; and the ways to ask."""
    rows, ways = [], {}
    cells = [(size, clients) for size in BATCH_SIZES for clients in CONCURRENCY]
    for size, clients in tqdm.tqdm(cells, desc="load", disable=None):
        if size not in ways:
            spec = tf.TensorSpec([None, *clip.shape[1:]], clip.dtype)
            ways[size] = batched(signature, size)(spec)
        load(ways[size], clip, clients, seconds / 5)
        latencies, rate = load(ways[size], clip, clients, seconds)
        rows.append([size, clients, *1000 * np.percentile(latencies, [50, 95, 99]), rate])
    return rows, ways


def resident():
    """Memory of this process in MiB."""
    pages = int(pathlib.Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def soak(ask, clip, concurrency, seconds):
    """Clips asked, and MiB at the end of each tenth of the time."""
    load(ask, clip, concurrency, seconds / 10)
    counts, memory = 0, [resident()]
    for _ in tqdm.trange(10, desc="soak", disable=None):
        counts += len(load(ask, clip, concurrency, seconds / 10)[0])
        memory.append(resident())
    return counts, memory


def median_ms(work):
    work()
    times = []
    for _ in range(ROUNDS):
        begun = time.perf_counter()
        work()
        times.append(time.perf_counter() - begun)
    return 1000 * float(np.median(times))


def streaming(signatures, clip):
    """Rows: streams, ms of a step, ms of the clip again, ms of a step for each stream, ratio."""
    rows = []
    for streams in STREAMS:
        clips = tf.constant(np.repeat(clip[:, :WINDOW], streams, axis=0))
        frames, state = clips[:, 0], signatures["init_states"](rows=tf.zeros([streams], tf.int64))
        step = median_ms(lambda f=frames, s=state: signatures["step"](frames=f, **s))
        again = median_ms(lambda c=clips: signatures["classify"](clips=c))
        rows.append([streams, step, again, step / streams, again / step])
    return rows


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="interactions_rstg", help="as exports/export.py")
    parser.add_argument("--seconds", type=float, default=10, help="of each cell of the table")
    parser.add_argument("--soak", type=float, default=600, help="seconds at the highest rate")
    parser.add_argument("--smoke", action="store_true", help="seconds only, nothing is written")
    arguments = parser.parse_args()
    seconds, soaked = (0.3, 3.0) if arguments.smoke else (arguments.seconds, arguments.soak)

    subject = load_subject(arguments.model)
    settings = settings_of(subject)
    with tempfile.TemporaryDirectory() as folder:
        exported = export_model(subject, settings, pathlib.Path(folder) / "model")
        loaded = tf.saved_model.load(str(exported))
    signatures = loaded.signatures
    size = settings.clips.size
    shape = (1, settings.clips.frames, size, size, subject.model.channels)
    clip = np.random.default_rng(0).integers(0, 256, shape, np.uint8)

    rows, ways = grid(signatures["classify"], tf.constant(clip), seconds)
    best = max(rows, key=lambda row: row[-1])
    count, memory = soak(ways[best[0]], tf.constant(clip), best[1], soaked)
    half = len(memory) // 2
    lines = [
        "## Serving",
        "",
        f"`python benchmarks/serving.py --model={arguments.model}` on {os.cpu_count()} cores: the "
        f"exported artefact behind TensorFlow Serving's batch scheduler in one process, clips of "
        f"{shape[1]} frames of {size}×{size}, one a request, `batch_timeout_micros` "
        f"{TIMEOUT_MICROS}, {THREADS} batch threads, {seconds:g} s each. No network; latencies in "
        "ms.",
        "",
        tabulate.tabulate(
            rows,
            ["max batch size", "requests at once", "p50", "p95", "p99", "clips/s"],
            "pipe",
            floatfmt=".1f",
        ),
        "",
        f"{soaked / 60:.3g} minutes at the highest rate (batches of up to {best[0]}, {best[1]} "
        f"requests at once): {count:,} clips; memory {max(memory[:half]):,.0f} MiB at most in the "
        f"first half, {max(memory[half:]):,.0f} MiB in the second.",
    ]
    if "step" in signatures:
        lines += [
            "",
            f"One frame more of a stream by `step`, against running a clip of its last {WINDOW} "
            f"frames again; ms, medians of {ROUNDS}. Wanted: {WANTED_CHEAPER} times cheaper.",
            "",
            tabulate.tabulate(
                streaming(signatures, clip),
                ["streams", "step", "clip again", "step, for each stream", "times cheaper"],
                "pipe",
                floatfmt=".2f",
            ),
        ]
    print("\n".join(lines))
    if not arguments.smoke:
        _report.write_section("serving", "\n".join(lines))


if __name__ == "__main__":
    main()
