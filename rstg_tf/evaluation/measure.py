"""One evaluation from beginning to end: model, test set, figures and where they came from."""

import datetime

import tensorflow as tf

from rstg_tf.data.input import evaluation_dataset, whole_frames_dataset
from rstg_tf.evaluation import data as sets
from rstg_tf.evaluation.evaluator import evaluate
from rstg_tf.hub.saved_model import weights_checksum

PROTOCOL = "one view a clip: all frames, whole frame, no augmentation"
VIEWS = ("single", "dense")


def measure(
    subject,
    data=None,
    split="test",
    num_clips=None,
    seed=sets.SEED,
    batch_size=32,
    command=None,
    progress=True,
    views="single",
    clips=None,
    on_corrupt="error",
):
    """Evaluates a model on a test set.

    Args:
        subject: what `load_subject` returned.
        data: see `open_test_set`.
        split: see `open_test_set`.
        num_clips: see `count_clips`.
        seed: see `open_test_set`.
        batch_size: clips of a batch; of a dense evaluation, views.
        command: the command that asks for it, to be recorded.
        progress: whether to show a progress bar.
        views: `"single"`, or `"dense"`: see `DenseViews`.
        clips: see `open_test_set`.
        on_corrupt: see `open_test_set`.

    Returns:
        A `Report` whose details say what was evaluated on what, and how.

    Raises:
        ValueError: model and data have other classes or channels, the data has fewer clips, or
            a dense evaluation is asked of clips that were not stored as whole videos.
    """
    if views not in VIEWS:
        raise ValueError(f"--eval must be one of {VIEWS}. Received: {views!r}")
    if batch_size < 1:
        raise ValueError(f"--batch-size must be positive. Received: {batch_size}")
    source, about = sets.open_test_set(data, split, seed, subject.config, clips, on_corrupt)
    if views == "dense" and not about.get("stored_whole"):
        raise ValueError(
            "A dense evaluation needs shards of videos that are stored whole; these clips have "
            f"one view only (--eval=single). Received: {source.name}"
        )
    class_names = _agreed_classes(subject, source)
    count = sets.count_clips(source, about, num_clips)
    dense = views == "dense"
    if dense:
        model = DenseViews(subject.model, batch_size)
        dataset = whole_frames_dataset(source, count)
        about["clip_shape"][1:3] = [source.clips.short_side] * 2
    else:
        model, dataset = subject.model, evaluation_dataset(source, batch_size, count)
    details = {
        "model": subject.name,
        "weights_sha256": weights_checksum(subject.model),
        "data": about,
        "held_out": sets.is_held_out(about, subject.config),
        "chose_weights": sets.chose_weights(about, subject.config),
        "protocol": _protocol(source, about, dense),
        "command": command,
        "date": datetime.date.today().isoformat(),
        "tensorflow": tf.__version__,
    }
    report = evaluate(
        model,
        dataset,
        class_names,
        num_clips=count,
        chance=sets.chance_level(source),
        facts=source.facts,
        details=details,
        progress=progress,
    )
    if "shards" in about:
        about["skipped_records"] = len(source.skipped)
    return report


def _protocol(source, about, dense):
    if not about.get("stored_whole"):
        return PROTOCOL
    clips = source.clips
    if dense:
        return (
            f"dense: {CROPS} crops of {clips.short_side}x{clips.short_side} along the long side x "
            f"{SAMPLINGS} samplings of {clips.frames} frames in time, logits averaged"
        )
    return (
        f"one view a video: {clips.frames} frames ({clips.sampling}), centre crop of "
        f"{clips.size}x{clips.size} at short side {clips.short_side}"
    )


def _agreed_classes(subject, source):
    theirs, ours = list(source.class_names), subject.class_names
    if ours is not None and ours != theirs:
        index = next(
            (i for i, (a, b) in enumerate(zip(ours, theirs, strict=False)) if a != b),
            min(len(ours), len(theirs)),
        )
        raise ValueError(
            f"Model and data must have the same classes in the same order. Received: "
            f"{len(ours)} classes of {subject.name}, {len(theirs)} of {source.name}; class "
            f"{index} is {ours[index : index + 1]} and {theirs[index : index + 1]}"
        )
    channels = getattr(subject.model, "channels", source.clip_shape[-1])
    if channels != source.clip_shape[-1]:
        raise ValueError(
            f"Clips must have {channels} channel(s) for {subject.name}. "
            f"Received: {source.clip_shape[-1]} of {source.name}"
        )
    return theirs


CROPS = 11
SAMPLINGS = 2


class DenseViews:
    """A model of clips as a model of whole videos.

    Args:
        model: Keras model from uint8 clips `[B, T, H, W, C]` to a dict with `logits`
            `[B, classes]`, or to the scores themselves.
        batch_size: how many views are in memory at once, at most.

    Call arguments:
        videos: uint8 `[1, 2, T, h, w, C]`: the frames of the two samplings. The crops are squares
            of the lesser of h and w.

    Returns:
        The mean over all views of the scores, `[1, classes]`.
    """

    def __init__(self, model, batch_size=32):
        self._model = model
        views = CROPS * SAMPLINGS
        self._group = max(n for n in range(1, views + 1) if views % n == 0 and n <= batch_size)

    def __call__(self, videos, training=False):
        """Classifies a video."""
        shape = tf.shape(videos)
        side = tf.minimum(shape[3], shape[4])
        part = tf.linspace(0.0, 1.0, CROPS)
        room = tf.cast(shape[3:5] - side, tf.float32)
        corners = tf.cast(tf.round(part[:, None] * room), tf.int32)  # [CROPS, 2]
        views = [[sampling, crop] for sampling in range(SAMPLINGS) for crop in range(CROPS)]

        def cut(view):
            y, x = tf.unstack(tf.gather(corners, view[1]))
            return videos[0, view[0], :, y : y + side, x : x + side]

        def classify(group):
            clips = tf.map_fn(cut, group, fn_output_signature=tf.uint8)
            clips.set_shape((self._group, *videos.shape[2:3], None, None, *videos.shape[5:]))
            outputs = self._model(clips, training=training)
            return outputs["logits"] if isinstance(outputs, dict) else outputs

        groups = tf.reshape(tf.constant(views), [-1, self._group, 2])
        scores = tf.map_fn(classify, groups, parallel_iterations=1, fn_output_signature=tf.float32)
        return tf.reduce_mean(scores, axis=(0, 1))[None]
