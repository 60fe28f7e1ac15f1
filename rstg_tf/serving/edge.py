"""Models for other runtimes: TensorFlow Lite and ONNX, with a table of what they lose."""

import contextlib
import pathlib

import numpy as np
import tensorflow as tf

from rstg_tf.files import check_room, folder_written_whole, temporary_folder
from rstg_tf.hub.saved_model import LABELS
from rstg_tf.serving.exporting import num_bytes

_CLIPS = 8  # To compare with.
_OPSET = 17


def export_tflite(subject, settings, output):
    """Writes a model for TensorFlow Lite: one clip as it was trained, and one step of a stream.

    Each as float32, with float16 weights and with dynamic int8 weights; of built-in operations
    only. Inputs and outputs have the names that they have in `rstg_tf.serving.signatures`.

    Args:
        subject: what `rstg_tf.evaluation.subject.load_subject` returned.
        settings: `rstg_tf.serving.Settings`.
        output: folder to make, whole or not at all.

    Returns:
        The table of `report.md`, a str.

    Raises:
        FileExistsError: there is such a folder.
    """
    return _export(subject, settings, output, _TFLite)


def export_onnx(subject, settings, output):
    """Writes a model for ONNX: clips of any batch, length and size, and one step of streams.

    Outputs of `step` that are the next state are called `next_NAME`. Arguments, result and errors
    are those of `export_tflite`.
    """
    return _export(subject, settings, output, _Onnx)


def check_folder(output):
    """Raises a FileExistsError where a folder can't be made."""
    if pathlib.Path(output).exists():
        raise FileExistsError(f"The folder to make must not be there. Received: {output}")


def _export(subject, settings, output, runtime):
    output, model, clips = pathlib.Path(output), subject.model, settings.clips
    check_folder(output)
    check_room(output.parent, num_bytes(model))
    shape = (1, clips.frames, clips.size, clips.size, model.channels)
    with folder_written_whole(output) as part:
        runtime.write(model, shape, part)
        return _report(part, subject, shape, runtime)


def _functions(model, shape, following=""):
    """Dict from name to `(function, specs)`, for clips of `shape`, None where it is any.

    The names of the next state begin with `following`.
    """

    def classify(clips):
        return model(clips, training=False)

    functions = {"classify": (classify, [tf.TensorSpec(shape, tf.uint8, name="clips")])}
    if model.streams:
        states = model.initial_state(1)

        def step(frames, *values):
            outputs, state = model.step(frames, dict(zip(states, values, strict=True)))
            return {**outputs, **{f"{following}{name}": value for name, value in state.items()}}

        specs = [tf.TensorSpec(shape[:1] + shape[2:], tf.uint8, name="frames")]
        for name, value in states.items():
            specs.append(tf.TensorSpec([shape[0], *value.shape[1:]], value.dtype, name=name))
        functions["step"] = (step, specs)
    return functions


@contextlib.contextmanager
def _unrolled(model):
    """Lets the LSTMs of a model be written out step by step.

    As one operation they send TensorFlow Lite's conversion to float16 into an endless loop.
    """
    layers = [layer for layer in model.submodules if isinstance(layer, tf.keras.layers.LSTM)]
    before = [(layer.unroll, layer._could_use_gpu_kernel) for layer in layers]
    for layer in layers:
        # Keras decides the latter in the constructor, by the former.
        layer.unroll, layer._could_use_gpu_kernel = True, False
    try:
        yield
    finally:
        for layer, (unroll, could) in zip(layers, before, strict=True):
            layer.unroll, layer._could_use_gpu_kernel = unroll, could


def _converted(saved, name, precision):
    converter = tf.lite.TFLiteConverter.from_saved_model(saved, signature_keys=[name])
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]  # Never Flex.
    if precision != "float32":
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
    if precision == "float16":
        converter.target_spec.supported_types = [tf.float16]
    return converter.convert()


class _TFLite:
    """A model in TensorFlow Lite's interpreter: dict of arrays to dict of arrays."""

    following = ""

    @staticmethod
    def write(model, shape, part):
        with _unrolled(model), temporary_folder(num_bytes(model)) as saved:
            module = tf.Module()
            module.weights = list(model.variables)
            functions = {
                name: tf.function(function).get_concrete_function(*specs)
                for name, (function, specs) in _functions(model, shape).items()
            }
            tf.saved_model.save(module, saved, functions)
            for name in functions:
                for precision in ("float32", "float16", "int8"):
                    path = part / f"{name}_{precision}.tflite"
                    path.write_bytes(_converted(saved, name, precision))

    def __init__(self, path):
        self._interpreter = tf.lite.Interpreter(str(path))
        self._runner = self._interpreter.get_signature_runner()

    def __call__(self, inputs):
        return self._runner(**inputs)


class _Onnx:
    """A model in ONNX Runtime: dict of arrays to dict of arrays."""

    following = "next_"  # Names of inputs and outputs must differ there.

    @classmethod
    def write(cls, model, shape, part):
        import tf2onnx

        shape = (None, None, None, None, shape[-1])
        for name, (function, specs) in _functions(model, shape, cls.following).items():
            path = str(part / f"{name}_float32.onnx")
            function = tf.function(function)
            tf2onnx.convert.from_function(function, specs, opset=_OPSET, output_path=path)

    def __init__(self, path):
        import onnxruntime

        self._session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
        self._names = [output.name for output in self._session.get_outputs()]

    def __call__(self, inputs):
        return dict(zip(self._names, self._session.run(None, inputs), strict=True))


def _report(part, subject, clip_shape, runtime):
    """Compares every file with the model; writes and returns a table."""
    names = subject.class_names or []
    (part / LABELS).write_text("".join(f"{name}\n" for name in names))
    clips = np.random.default_rng(0).integers(0, 256, (_CLIPS, *clip_shape), np.uint8)
    model = subject.model
    expected = [model(clip, training=False)["probabilities"].numpy() for clip in clips]
    lines = [
        f"# {subject.name}",
        "",
        f"Differences of the probabilities to those of the Keras model, over {_CLIPS} clips of "
        f"noise `{list(clip_shape)}`; `step` over all frames of them.",
        "",
        "| file | kB | largest difference | same class |",
        "|---|---|---|---|",
    ]
    for path in sorted(part.iterdir()):
        if path.name == LABELS:
            continue
        run, errors, same = runtime(path), [], 0
        for clip, wanted in zip(clips, expected, strict=True):
            found = (
                _stream(run, model, clip) if path.name.startswith("step") else run({"clips": clip})
            )
            errors.append(np.abs(found["probabilities"] - wanted).max())
            same += int(found["probabilities"].argmax() == wanted.argmax())
        size = path.stat().st_size / 1000
        lines.append(f"| {path.name} | {size:,.0f} | {max(errors):.1e} | {same} of {_CLIPS} |")
    table = "\n".join(lines)
    (part / "report.md").write_text(f"{table}\n")
    return table


def _stream(run, model, clip):
    state = {name: value.numpy() for name, value in model.initial_state(1).items()}
    for frames in np.moveaxis(clip, 1, 0):
        outputs = run({"frames": frames, **state})
        state = {name: outputs[f"{run.following}{name}"] for name in state}
    return outputs
