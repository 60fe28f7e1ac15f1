"""The signatures of an exported model."""

import tensorflow as tf

from rstg_tf.serving.checks import checked, checked_pixels, checked_state, finite_answer
from rstg_tf.serving.encoded import decode_frames, frames_of_examples

_MIN_FRAMES = 2


def make_signatures(model, class_names, settings):
    """Traces all that a server can be asked.

    All of it shares one graph of the model for clips, and one for a frame. Every input and output
    has the batch first, so that a server may put requests together.

    Args:
        model: a `VideoClassifier`.
        class_names: names of its classes.
        settings: `rstg_tf.serving.Settings`.

    Returns:
        Dict from name to concrete function, for `tf.saved_model.save`:

        - `serving_default`: uint8 `clips` `[B, T, H, W, C]` to `logits`, `probabilities`.
        - `classify`: the same, and the likeliest `classes` and their `scores` `[B, top]`.
        - `predict_frames`: string `frames` `[B, T]`, JPEG or PNG files, to all of these.
        - `serve_examples`: string `examples` `[B]`, sequence examples, to all of these.
        - `describe`: int64 `rows` `[B]`, whose values do not matter, to what clips the model
          takes and the `labels` of its classes.

        And where the model can stream:

        - `init_states`: int64 `rows` `[B]`, as above, to the state of B fresh streams.
        - `step`: uint8 `frames` `[B, H, W, C]` and the state to all answers and the next state,
          under the same names.
        - `step_encoded`: the same for string `frames` `[B]`.
    """
    made = _Signatures(model, class_names, settings)
    inputs = {
        "serving_default": ([None] * 4 + [model.channels], tf.uint8, "clips"),
        "classify": ([None] * 4 + [model.channels], tf.uint8, "clips"),
        "predict_frames": ([None, None], tf.string, "frames"),
        "serve_examples": ([None], tf.string, "examples"),
        "describe": ([None], tf.int64, "rows"),
    }
    if model.streams:
        inputs |= {
            "init_states": ([None], tf.int64, "rows"),
            "step": ([None] * 3 + [model.channels], tf.uint8, "frames"),
            "step_encoded": ([None], tf.string, "frames"),
        }
    return {
        name: _traced(
            getattr(made, name),
            tf.TensorSpec(*spec),
            **(made.state_specs if name.startswith("step") else {}),
        )
        for name, spec in inputs.items()
    }


class _Signatures:
    """The signatures as methods, see `make_signatures`."""

    def __init__(self, model, class_names, settings):
        self._model = model
        self._class_names = class_names
        self._settings = settings
        side = (model.backbone.min_size, settings.max_side)
        self._axes = {
            "batch": (1, settings.max_batch),
            "frames": (_MIN_FRAMES, settings.max_frames),
            "height": side,
            "width": side,
            "channels": model.channels,
        }
        clips = tf.TensorSpec([None] * 4 + [model.channels], tf.uint8)
        self._logits_of = _traced(lambda clips: model(clips, training=False)["logits"], clips)
        if model.streams:
            self.state_specs = {
                name: tf.TensorSpec([None, *value.shape[1:]], value.dtype, name=name)
                for name, value in model.initial_state(1).items()
            }
            frames = tf.TensorSpec(clips.shape[1:], tf.uint8)
            self._next_of = _traced(model.step, frames, self.state_specs)

    def serving_default(self, clips):
        found = self.classify(clips)
        return {name: found[name] for name in ("logits", "probabilities")}

    def classify(self, clips):
        clips = self._checked(clips, "clips", "batch", "frames", "height", "width", "channels")
        clips = checked_pixels(clips, "clips", 1 / self._model.channels, self._settings)
        return self._answer(clips, "clips")

    def predict_frames(self, frames):
        frames = self._checked(frames, "frames", "batch", "frames")
        return self._answer(self._decoded(frames, "frames"), "frames")

    def serve_examples(self, examples):
        examples = self._checked(examples, "examples", "batch")
        frames = frames_of_examples(examples, "examples", self._settings.clips)
        return self._answer(self._decoded(frames, "examples"), "examples")

    def describe(self, rows):
        count = tf.shape(self._checked(rows, "rows", "batch"))
        names = ("frames", "size", "short_side", "sampling", "stride")
        facts = {name: getattr(self._settings.clips, name) for name in names}
        facts |= {"channels": self._model.channels, "labels": self._class_names}
        facts = {name: tf.constant(value) for name, value in facts.items()}
        return {
            name: tf.broadcast_to(value, tf.concat([count, value.shape], axis=0))
            for name, value in facts.items()
        }

    def init_states(self, rows):
        return self._model.initial_state(tf.shape(self._checked(rows, "rows", "batch"))[0])

    def step(self, frames, **state):
        frames = self._checked(frames, "frames", "batch", "height", "width", "channels")
        frames = checked_pixels(frames, "frames", 1 / self._model.channels, self._settings)
        return self._next_answer(frames, state)

    def step_encoded(self, frames, **state):
        frames = self._checked(frames, "frames", "batch")
        return self._next_answer(self._decoded(frames, "frames"), state)

    def _checked(self, tensor, name, *axes):
        return checked(tensor, name, **{axis: self._axes[axis] for axis in axes})

    def _decoded(self, encoded, name):
        """Decodes strings of any shape `[...]`, to `[..., H, W, C]`."""
        encoded = checked_pixels(encoded, name, self._settings.clips.size**2, self._settings)
        flat = tf.reshape(encoded, [-1])
        decoded = decode_frames(flat, name, self._model.channels, self._settings)
        return tf.reshape(decoded, tf.concat([tf.shape(encoded), decoded.shape[1:]], axis=0))

    def _answer(self, clips, name):
        found = finite_answer({"logits": self._logits_of(clips)}, {name: clips})
        return self._ranked(found["logits"])

    def _next_answer(self, frames, state):
        state = checked_state(state, tf.shape(frames)[0], self.state_specs)
        outputs, following = self._next_of(frames, state)
        found = {"logits": outputs["logits"], **following}
        found = finite_answer(found, {"frames": frames, **state})
        return {**self._ranked(found.pop("logits")), **found}

    def _ranked(self, logits):
        probabilities = tf.nn.softmax(logits)
        scores, best = tf.math.top_k(probabilities, self._settings.top)
        return {
            "logits": logits,
            "probabilities": probabilities,
            "classes": tf.gather(tf.constant(self._class_names), best),
            "scores": scores,
        }


def _traced(function, *specs, **more):
    return tf.function(function).get_concrete_function(*specs, **more)
