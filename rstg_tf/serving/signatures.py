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
    traced = _clip_signatures(model, class_names, settings)
    if model.streams:
        traced |= _stream_signatures(model, class_names, settings)
    return traced


def _clip_signatures(model, class_names, settings):
    pixels, side = model.channels, (model.backbone.min_size, settings.max_side)
    batch, frames = (1, settings.max_batch), (_MIN_FRAMES, settings.max_frames)
    clip_spec = tf.TensorSpec([None] * 4 + [pixels], tf.uint8, name="clips")

    def logits_of(clips):
        return model(clips, training=False)["logits"]

    logits_of = tf.function(logits_of).get_concrete_function(clip_spec)

    def answers(clips, name):
        found = finite_answer({"logits": logits_of(clips)}, {name: clips})
        return _answers(found["logits"], class_names, settings.top)

    def classify(clips):
        axes = {"batch": batch, "frames": frames, "height": side, "width": side}
        clips = checked(clips, "clips", **axes, channels=pixels)
        return answers(checked_pixels(clips, "clips", 1 / pixels, settings), "clips")

    def serve(clips):
        found = classify(clips)
        return {name: found[name] for name in ("logits", "probabilities")}

    def clips_of(images, name):
        images = checked_pixels(images, name, settings.clips.size**2, settings)
        decoded = decode_frames(tf.reshape(images, [-1]), name, pixels, settings)
        return tf.reshape(decoded, tf.concat([tf.shape(images), decoded.shape[1:]], axis=0))

    def predict_frames(images):
        images = checked(images, "frames", batch=batch, frames=frames)
        return answers(clips_of(images, "frames"), "frames")

    def serve_examples(examples):
        examples = checked(examples, "examples", batch=batch)
        images = frames_of_examples(examples, "examples", settings.clips)
        return answers(clips_of(images, "examples"), "examples")

    def describe(rows):
        count = tf.shape(checked(rows, "rows", batch=batch))
        clips = settings.clips
        facts = {
            name: getattr(clips, name)
            for name in ("frames", "size", "short_side", "sampling", "stride")
        }
        facts |= {"channels": pixels, "labels": class_names}
        return {name: _repeated(tf.constant(value), count) for name, value in facts.items()}

    signatures = {
        "serving_default": (serve, clip_spec),
        "classify": (classify, clip_spec),
        "predict_frames": (predict_frames, tf.TensorSpec([None, None], tf.string, "frames")),
        "serve_examples": (serve_examples, tf.TensorSpec([None], tf.string, "examples")),
        "describe": (describe, _ROWS),
    }
    return {
        name: tf.function(function).get_concrete_function(spec)
        for name, (function, spec) in signatures.items()
    }


def _stream_signatures(model, class_names, settings):
    pixels, side = model.channels, (model.backbone.min_size, settings.max_side)
    batch = (1, settings.max_batch)
    frame_spec = tf.TensorSpec([None] * 3 + [pixels], tf.uint8, name="frames")
    specs = {
        name: tf.TensorSpec([None, *value.shape[1:]], value.dtype, name=name)
        for name, value in model.initial_state(1).items()
    }

    def next_of(frames, state):
        outputs, state = model.step(frames, state)
        return outputs["logits"], state

    next_of = tf.function(next_of).get_concrete_function(frame_spec, specs)

    def answer(frames, state):
        given = checked_state(state, tf.shape(frames)[0], specs)
        logits, state = next_of(frames, given)
        found = finite_answer({"logits": logits, **state}, {"frames": frames, **given})
        return {**_answers(found.pop("logits"), class_names, settings.top), **found}

    def step(frames, **state):
        frames = checked(frames, "frames", batch=batch, height=side, width=side, channels=pixels)
        return answer(checked_pixels(frames, "frames", 1 / pixels, settings), state)

    def step_encoded(frames, **state):
        images = checked(frames, "frames", batch=batch)
        images = checked_pixels(images, "frames", settings.clips.size**2, settings)
        return answer(decode_frames(images, "frames", pixels, settings), state)

    def init_states(rows):
        return model.initial_state(tf.shape(checked(rows, "rows", batch=batch))[0])

    encoded_spec = tf.TensorSpec([None], tf.string, name="frames")
    return {
        "init_states": tf.function(init_states).get_concrete_function(_ROWS),
        "step": tf.function(step).get_concrete_function(frame_spec, **specs),
        "step_encoded": tf.function(step_encoded).get_concrete_function(encoded_spec, **specs),
    }


_ROWS = tf.TensorSpec([None], tf.int64, name="rows")


def _answers(logits, class_names, top):
    probabilities = tf.nn.softmax(logits)
    scores, best = tf.math.top_k(probabilities, top)
    return {
        "logits": logits,
        "probabilities": probabilities,
        "classes": tf.gather(tf.constant(class_names), best),
        "scores": scores,
    }


def _repeated(value, count):
    return tf.broadcast_to(value, tf.concat([count, value.shape], axis=0))
