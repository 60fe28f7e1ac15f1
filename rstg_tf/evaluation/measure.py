"""One evaluation from beginning to end: model, test set, figures and where they came from."""

import datetime

import tensorflow as tf

from rstg_tf.data.input import evaluation_dataset
from rstg_tf.evaluation import data as sets
from rstg_tf.evaluation.evaluator import evaluate
from rstg_tf.zoo.saved_model import weights_checksum

PROTOCOL = "one view a clip: all frames, whole frame, no augmentation"


def measure(
    subject,
    data=None,
    split="test",
    num_clips=None,
    seed=sets.SEED,
    batch_size=32,
    command=None,
    progress=True,
):
    """Evaluates a model on a test set.

    Args:
        subject: what `load_subject` returned.
        data: see `open_test_set`.
        split: see `open_test_set`.
        num_clips: see `count_clips`.
        seed: see `open_test_set`.
        batch_size: clips of a batch.
        command: the command that asks for it, to be recorded.
        progress: whether to show a progress bar.

    Returns:
        A `Report` whose details say what was evaluated on what, and how.

    Raises:
        ValueError: model and data have other classes or channels, or the data has fewer clips.
    """
    source, about = sets.open_test_set(data, split, seed, subject.config)
    class_names = _agreed_classes(subject, source)
    count = sets.count_clips(source, about, num_clips)
    details = {
        "model": subject.name,
        "weights_sha256": weights_checksum(subject.model),
        "data": about,
        "held_out": sets.is_held_out(about, subject.config),
        "protocol": PROTOCOL,
        "command": command,
        "date": datetime.date.today().isoformat(),
        "tensorflow": tf.__version__,
    }
    return evaluate(
        subject.model,
        evaluation_dataset(source, batch_size, count),
        class_names,
        num_clips=count,
        chance=sets.chance_level(source),
        details=details,
        progress=progress,
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
