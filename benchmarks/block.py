"""The block's speed and memory against the naive form and against a plain product of matrices.

    python benchmarks/block.py

All times come from one process, as medians of interleaved runs, and count as ratios: machines
differ and are noisy. Peak memory needs a process for each form, started from here.
"""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import argparse
import functools
import pathlib
import subprocess
import sys
import time

import numpy as np
import pandas as pd

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

TIME, SIDE, CHANNELS, DIM, ITERATIONS = 16, 14, 1024, 512, 3
BATCHES = (1, 8)
MATRIX = 2048


def multiply_adds(graph, naive=False):
    """Multiply-adds of one frame, forward.

    The useful ones: real edges, the first layer of a message once a node. The naive form takes all
    pairs and both layers for each.
    """
    nodes, edges = graph.num_nodes, graph.num_edges
    cells = SIDE * SIDE
    messages = nodes * nodes if naive else edges
    first_layer = messages * 2 * DIM * DIM if naive else 2 * nodes * DIM * DIM
    space = {
        "send": first_layer + messages * DIM * DIM,
        "attention": 2 * nodes * DIM * DIM + messages * DIM,
        "gather": messages * DIM,
        "update": nodes * (2 * DIM + DIM) * DIM,
    }
    lstm = nodes * 2 * DIM * 4 * DIM
    projections = 2 * nodes * CHANNELS * DIM
    regions = 2 * nodes * cells * CHANNELS
    return ITERATIONS * (sum(space.values()) + lstm) + lstm + projections + regions


def make_forms(inputs):
    """Dict of name to a built block; both compute the same function."""
    from naive_block import NaiveRSTG

    from rstg_tf import RSTG

    forms = {"ours": RSTG(), "naive": NaiveRSTG()}
    for form in forms.values():
        form(inputs)
    forms["ours"].unpooling.gamma.assign(np.ones(CHANNELS))  # Fresh blocks are the identity.
    forms["naive"].load(forms["ours"])
    outputs = [form(inputs).numpy() for form in forms.values()]
    np.testing.assert_allclose(*outputs, atol=1e-4 * np.abs(outputs[0]).max())
    return forms


def make_runs(forms):
    """Dict of (name, mode) to a compiled function of the inputs."""
    import tensorflow as tf

    def training(block):
        def step(inputs):
            with tf.GradientTape() as tape:
                tape.watch(inputs)
                loss = tf.reduce_sum(tf.square(block(inputs, training=True)))
            gradients = tape.gradient(loss, [inputs, *block.trainable_weights])
            return [tf.reduce_sum(gradient) for gradient in gradients]

        return step

    runs = {}
    for name, block in forms.items():
        runs[name, "forward"] = tf.function(lambda x, block=block: tf.reduce_sum(block(x)))
        runs[name, "training"] = tf.function(training(block))
    return runs


def medians(runs, repeats):
    """Median seconds of each run; runs take turns, so that noise meets all alike."""
    seconds = {name: [] for name in runs}
    for repeat in range(repeats + 1):
        for name, run in runs.items():
            start = time.perf_counter()
            run()
            if repeat:  # The first call traces.
                seconds[name].append(time.perf_counter() - start)
    return {name: float(np.median(values)) for name, values in seconds.items()}


def measure_times(repeats):
    """Rows of the table of times."""
    import tensorflow as tf

    from rstg_tf import SpaceGraph

    matrix = tf.random.normal([MATRIX, MATRIX])
    product = tf.function(lambda: tf.reduce_sum(tf.matmul(matrix, matrix)))
    rows = []
    for batch in BATCHES:
        inputs = tf.random.normal([batch, TIME, SIDE, SIDE, CHANNELS])
        runs = make_runs(make_forms(inputs))
        calls = {name: functools.partial(run, inputs) for name, run in runs.items()}
        seconds = medians({**calls, "product": product}, repeats)
        rate = MATRIX**3 / seconds["product"]
        for mode, factor in (("forward", 1), ("training", 3)):
            ours, naive = seconds["ours", mode], seconds["naive", mode]
            useful = factor * batch * TIME * multiply_adds(SpaceGraph())
            rows.append(
                {
                    "B": batch,
                    "mode": mode,
                    "ours (s)": f"{ours:.3f}",
                    "naive (s)": f"{naive:.3f}",
                    "naive / ours": f"{naive / ours:.2f}",
                    "useful rate / matmul rate": f"{useful / ours / rate:.2f}",
                }
            )
            print(rows[-1], flush=True)
    return rows


def peak_memory(name, batch, mode):
    """MiB that one run needs over what the process held before it."""
    import tensorflow as tf

    inputs = tf.random.normal([batch, TIME, SIDE, SIDE, CHANNELS])
    run = make_runs(make_forms(inputs[:1]))[name, mode]
    before = resident("VmRSS")
    pathlib.Path("/proc/self/clear_refs").write_text("5")  # Resets the peak.
    run(inputs)
    return resident("VmHWM") - before


def resident(field):
    for line in pathlib.Path("/proc/self/status").read_text().splitlines():
        if line.startswith(field):
            return int(line.split()[1]) / 1024
    raise RuntimeError(f"/proc/self/status has no {field}")


def measure_memory():
    """Rows of the table of memory, from a fresh process for each number."""
    rows = []
    for batch in BATCHES:
        for mode in ("forward", "training"):
            peaks = {}
            for name in ("ours", "naive"):
                command = [sys.executable, __file__, "--memory", name, str(batch), mode]
                done = subprocess.run(command, check=True, capture_output=True, text=True)
                peaks[name] = float(done.stdout.split()[-1])
            rows.append(
                {
                    "B": batch,
                    "mode": mode,
                    "ours (MiB)": f"{peaks['ours']:.0f}",
                    "naive (MiB)": f"{peaks['naive']:.0f}",
                    "ours / naive": f"{peaks['ours'] / peaks['naive']:.2f}",
                }
            )
            print(rows[-1], flush=True)
    return rows


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--memory", nargs=3, metavar=("FORM", "BATCH", "MODE"))
    arguments = parser.parse_args()
    if arguments.memory:
        name, batch, mode = arguments.memory
        print(peak_memory(name, int(batch), mode))
        return
    from _report import write_section

    from rstg_tf import SpaceGraph

    useful, naive = multiply_adds(SpaceGraph()), multiply_adds(SpaceGraph(), naive=True)
    write_section(
        "block",
        f"""## The block

`python benchmarks/block.py`: `[B, {TIME}, {SIDE}, {SIDE}, {CHANNELS}]`, D = M = {DIM},
K = {ITERATIONS}, float32, {os.cpu_count()} cores. The naive form computes the same function from
the same weights with all {14 * 14} pairs, concatenation before the first message layer and a Python
loop over T, compiled by `tf.function` as ours is. Useful multiply-adds: {useful / 1e6:.0f} M a
frame forward, three times as many in training; the naive form does {naive / 1e6:.0f} M, so that
{naive / useful:.1f} is the ratio of forms that compute at the same rate. The rate of `tf.matmul` is
that of two {MATRIX} x {MATRIX} matrices in the same process. At B = 1 a step of the recurrence
multiplies {SpaceGraph().num_nodes} rows, which reads more weights than it computes.

{pd.DataFrame(measure_times(arguments.repeats)).to_markdown(index=False)}

Peak memory that a run adds to the process, the first call with its compilation included, in a
fresh process each:

{pd.DataFrame(measure_memory()).to_markdown(index=False)}
""",
    )


if __name__ == "__main__":
    main()
