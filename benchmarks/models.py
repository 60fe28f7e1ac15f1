"""Speed and memory of the video ResNets, and what their RSTG blocks and kernels cost.

    python benchmarks/models.py
    python benchmarks/models.py --parts lite --models i3d rstg_res3 --repeats 2

Times come from one process for each table, as medians of interleaved runs, and count as ratios:
machines differ and are noisy. Peak memory needs a process for each number, started from here.
"""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import argparse
import dataclasses
import logging
import pathlib
import signal
import subprocess
import sys
import types

import numpy as np
import pandas as pd

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from _report import write_section
from block import medians, resident

# Every model and the same one without RSTG.
MODELS = {
    "c2d": None,
    "rstg_c2d": "c2d",
    "i3d": None,
    "i3d_nl": None,
    "rstg_vec": "i3d",
    "rstg_res2": "i3d",
    "rstg_res3": "i3d",
    "rstg_res4": "i3d",
    "rstg_res3_4": "i3d",
}
NON_LOCAL = "i3d_nl"
CLASSES = 174


@dataclasses.dataclass(frozen=True)
class Size:
    """What the models of a size are measured with; those not `trained` run forward only."""

    clips: tuple
    repeats: int
    trained: tuple


SIZES = {
    "lite": Size((8, 16, 64, 64, 3), 7, tuple(MODELS)),
    "paper": Size((1, 32, 224, 224, 3), 3, ("c2d", "i3d", "i3d_nl", "rstg_res3_4")),
}

# (map, filters, kernel, stride): the stem of I3D on a quarter of the pixels, and kernels of `res3`.
CONVOLUTIONS = (
    ((1, 16, 28, 28, 512), 128, (1, 1, 1), 1),
    ((1, 16, 28, 28, 128), 128, (1, 3, 3), 1),
    ((1, 16, 28, 28, 512), 128, (3, 1, 1), 1),
    ((1, 16, 112, 112, 3), 64, (5, 7, 7), 2),
)
# (clips, width) of the lite size and of one between both.
NETWORKS = (((8, 16, 64, 64, 3), 0.125), ((1, 16, 112, 112, 3), 1.0))
LAYOUT_REPEATS = 5

MEMORY_MODEL = "rstg_res3_4"


def make_trainer(name, size, trained=True, recompute=False):
    """A fresh model of an experiment, and the optimizer that it trains with or None."""
    from rstg_tf import experiments
    from rstg_tf.experiments.build import build_optimizer

    config = experiments.get_experiment(name, size)
    config.model.backbone.video_resnet.recompute = recompute
    classes = range(config.model.num_classes or CLASSES)
    source = types.SimpleNamespace(class_names=classes, clip_shape=SIZES[size].clips[1:])
    config = experiments.resolve(config, source)
    model = experiments.build_model(config.model)
    if not trained:
        return model, None
    return model, build_optimizer(config.trainer.optimizer_config, model.trainable_variables)


def make_clips(shape):
    """Random uint8 clips and their labels."""
    import tensorflow as tf

    pixels = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    return tf.constant(pixels), tf.zeros(shape[:1], tf.int64)


def model_runs(model, optimizer, clips, labels):
    """Dict of mode to a call that ends when its result is there."""
    import tensorflow as tf

    from rstg_tf.training.step import gradient_step

    forward = tf.function(lambda clips: tf.reduce_sum(model(clips)["logits"]))
    step = tf.function(lambda *batch: tf.reduce_sum(gradient_step(model, optimizer, *batch)[0]))
    runs = {"forward": lambda: forward(clips).numpy()}
    if optimizer is not None:
        runs["training"] = lambda: step(clips, labels).numpy()
    return runs


def measure_models(size, names, repeats):
    """Rows of the table of models."""
    clips, labels = make_clips(SIZES[size].clips)
    runs = {}
    for name in names:
        made = make_trainer(name, size, trained=name in SIZES[size].trained)
        for mode, run in model_runs(*made, clips, labels).items():
            runs[name, mode] = run
    seconds = medians(runs, repeats or SIZES[size].repeats)
    rows = []
    for name in names:
        row = {"model": name}
        for mode in ("forward", "training"):
            time = seconds.get((name, mode))
            base, non_local = (seconds.get((other, mode)) for other in (MODELS[name], NON_LOCAL))
            row[f"{mode} (clips/s)"] = f"{SIZES[size].clips[0] / time:.3g}" if time else "-"
            row[f"{mode}: RSTG adds"] = f"{time / base - 1:.0%}" if time and base else "-"
            row[f"{mode}: time / {NON_LOCAL}"] = f"{time / non_local:.2f}" if time else "-"
        rows.append(row)
        print(row, flush=True)
    return rows


def layout_runs(layers, inputs):
    """Dict of (layout, mode) to a call, for layers of one and the same function."""
    import tensorflow as tf

    def training(layer):
        def step(inputs):
            with tf.GradientTape() as tape:
                tape.watch(inputs)
                loss = tf.reduce_sum(tf.square(layer(inputs, training=True)))
            gradients = tape.gradient(loss, [inputs, *layer.trainable_weights])
            return tf.add_n([tf.reduce_sum(gradient) for gradient in gradients])

        return step

    def forward(layer):
        return lambda inputs: tf.reduce_sum(layer(inputs))

    runs = {}
    for layout, layer in layers.items():
        for mode, function in (("forward", forward), ("training", training)):
            compiled = tf.function(function(layer))
            runs[layout, mode] = lambda compiled=compiled: compiled(inputs).numpy()
    return runs


def compare_layouts(make, shape, repeats):
    """Part of a row: times of both layouts and how far apart their outputs are."""
    import tensorflow as tf

    from rstg_tf.layers.video_convolution import LAYOUTS

    inputs = tf.random.stateless_normal(shape, (0, 0))
    layers = {layout: make(layout) for layout in LAYOUTS}
    for layer in layers.values():
        layer(inputs)
    # A fresh block of a ResNet is the identity, so that its kernels would not show.
    random = np.random.default_rng(0)
    weights = [
        random.uniform(0.5, 1, weight.shape) if "gamma" in weight.name else weight.numpy()
        for weight in layers["frames"].weights
    ]
    for layer in layers.values():
        layer.set_weights(weights)
    frames, volume = (layers[layout](inputs).numpy() for layout in ("frames", "volume"))
    difference = np.abs(frames - volume).max() / np.abs(volume).max()
    seconds = medians(layout_runs(layers, inputs), repeats or LAYOUT_REPEATS)
    row = {}
    for mode in ("forward", "training"):
        frames, volume = seconds["frames", mode], seconds["volume", mode]
        row[f"{mode}: frames (s)"] = f"{frames:.4f}"
        row[f"{mode}: volume (s)"] = f"{volume:.4f}"
        row[f"{mode}: volume / frames"] = f"{volume / frames:.2f}"
    return {**row, "largest difference": f"{difference:.0e}"}


def measure_layouts(repeats):
    """Rows of the table of layouts."""
    from rstg_tf.backbones import C2D_KERNELS, VideoResNet
    from rstg_tf.backbones.video_resnet import I3D_KERNELS
    from rstg_tf.layers.video_convolution import VideoConvolution

    cases = []
    for shape, filters, kernel, stride in CONVOLUTIONS:
        name = f"{_times(kernel)}, {shape[-1]} to {filters}" + (", stride 2" if stride > 1 else "")
        cases.append(
            (
                name,
                shape,
                VideoConvolution,
                {"filters": filters, "kernel_size": kernel, "stride": stride},
            )
        )
    for shape, width in NETWORKS:
        for name, kernels in (("C2D", C2D_KERNELS), ("I3D", I3D_KERNELS)):
            cases.append(
                (
                    f"{name}, width {width:g}",
                    shape,
                    VideoResNet,
                    {"width": width, "temporal_kernels": kernels},
                )
            )
    rows = []
    for name, shape, kind, options in cases:
        row = {"computes": name, "input": _times(shape)}
        row |= compare_layouts(
            lambda layout, kind=kind, options=options: kind(layout=layout, **options),
            shape,
            repeats,
        )
        rows.append(row)
        print(row, flush=True)
    return rows


def _times(sizes):
    return "×".join(map(str, sizes))


def peak_memory(recompute):
    """GiB that the process holds at most while it takes a training step of the largest model."""
    made = make_trainer(MEMORY_MODEL, "paper", recompute=recompute)
    run = model_runs(*made, *make_clips(SIZES["paper"].clips))["training"]
    pathlib.Path("/proc/self/clear_refs").write_text("5")  # Resets the peak.
    run()
    return resident("VmHWM") / 1024


def measure_memory():
    """Rows of the table of memory, from a fresh process for each number."""
    rows = []
    for recompute in (True, False):
        command = [sys.executable, __file__, "--memory", str(int(recompute))]
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True)
        if done.returncode == -signal.SIGKILL:
            peak = "more than this machine has"
        else:
            done.check_returncode()
            peak = f"{float(done.stdout.split()[-1]):.1f}"
        rows.append({"recompute": "yes" if recompute else "no", "peak (GiB)": peak})
        print(rows[-1], flush=True)
    return rows


def table(rows):
    return pd.DataFrame(rows).to_markdown(index=False, disable_numparse=True)


def write_models(size, rows):
    from rstg_tf.runs.environment import hardware

    clips, untrained = SIZES[size].clips, len(SIZES[size].trained) < len(MODELS)
    note = " Only some models are trained here: a step takes long." if untrained else ""
    write_section(
        f"models_{size}",
        f"""## The models, {size}

`python benchmarks/models.py --parts {size}`: the experiments at size `{size}`, uint8 clips
`{list(clips)}`, float32, {hardware()}. Training is a whole step: forward, gradients of all weights,
optimizer. "RSTG adds" is the time over that of the same model without RSTG: c2d for rstg_c2d, i3d
for the others.{note}

{table(rows)}
""",
    )


def write_layouts(rows):
    from rstg_tf.runs.environment import hardware

    write_section(
        "models_layouts",
        f"""## Layouts of the convolutions

`python benchmarks/models.py --parts layouts`: `VideoConvolution` and whole backbones with
`layout="frames"` (2-D convolutions and products of matrices) and `layout="volume"` (3-D
convolutions), float32, {hardware()}. Training takes the gradients of the input and of all weights.
The difference of the outputs, forward, is relative to the largest one.

{table(rows)}
""",
    )


def write_memory(rows):
    write_section(
        "models_memory",
        f"""## Memory of a training step

`python benchmarks/models.py --parts memory`: peak of a whole process that takes one training step
of {MEMORY_MODEL} at size `paper` and batch 1, its compilation, weights and optimizer included, in a
fresh process each; `recompute` is `model.backbone.video_resnet.recompute`.

{table(rows)}
""",
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parts = [*SIZES, "layouts", "memory"]
    parser.add_argument("--parts", nargs="+", choices=parts, default=parts, help="default: all")
    parser.add_argument(
        "--models",
        nargs="+",
        choices=MODELS,
        help="only these and what they are compared to; prints, writes nothing",
    )
    parser.add_argument("--repeats", type=int, help="default: more for what is quick")
    parser.add_argument("--memory", type=int, choices=(0, 1), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.memory is not None:
        print(peak_memory(bool(arguments.memory)))
        return
    # TensorFlow takes the functions of several models for one that is traced again and again.
    logging.getLogger("tensorflow").setLevel(logging.ERROR)
    wanted = set(arguments.models or MODELS)
    wanted |= {NON_LOCAL} | {MODELS[name] for name in wanted}
    for size in SIZES:
        if size in arguments.parts:
            rows = measure_models(size, [n for n in MODELS if n in wanted], arguments.repeats)
            if not arguments.models:
                write_models(size, rows)
    if "layouts" in arguments.parts:
        write_layouts(measure_layouts(arguments.repeats))
    if "memory" in arguments.parts:
        write_memory(measure_memory())


if __name__ == "__main__":
    main()
