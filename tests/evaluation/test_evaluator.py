import numpy as np
import pytest
import tensorflow as tf

from rstg_tf.data.input import evaluation_dataset
from rstg_tf.data.synthetic.interactions import CLASS_NAMES, Interactions
from rstg_tf.data.synthetic.syncmnist import CLASS_NAMES as PAIRS
from rstg_tf.evaluation import evaluate


class FirstPixel(tf.keras.Model):
    """Says that the class is the value of the first pixel."""

    def __init__(self, classes, offset=0.0):
        super().__init__()
        self.classes, self.offset = classes, offset

    def call(self, clips):
        return {"logits": tf.one_hot(clips[:, 0, 0, 0, 0], self.classes) + self.offset}


def clips_of(labels):
    clips = np.zeros((len(labels), 2, 4, 4, 1), np.uint8)
    clips[:, 0, 0, 0, 0] = labels
    return clips


def dataset(shown, labels, batch_size=4):
    return tf.data.Dataset.from_tensor_slices((clips_of(shown), np.int64(labels))).batch(batch_size)


def test_every_clip_counts_once_also_those_of_a_smaller_last_batch():
    report = evaluate(
        FirstPixel(3), dataset([0, 1, 2, 0, 1], [0, 1, 2, 0, 0]), "abc", progress=False
    )
    assert report.labels.tolist() == [0, 1, 2, 0, 0]
    assert report.predictions.tolist() == [0, 1, 2, 0, 1]
    assert report.figures["top_1"] == 0.8
    assert report.chance == pytest.approx(1 / 3)


def test_a_model_may_return_its_scores_alone():
    model = FirstPixel(3)
    report = evaluate(
        lambda clips, training: model(clips)["logits"], dataset([1], [1]), "abc", progress=False
    )
    assert report.figures["top_1"] == 1.0


@pytest.mark.parametrize(
    ("model", "labels", "message"),
    [
        (FirstPixel(4), [0], r"scores of shape \(1, 4\)"),
        (FirstPixel(3, offset=np.nan), [0], "NaN"),
        (FirstPixel(3), [3], "Received: 3 ... 3"),
        (FirstPixel(3), [], "at least one clip"),
    ],
)
def test_what_can_not_be_measured_is_refused(model, labels, message):
    with pytest.raises(ValueError, match=message):
        evaluate(model, dataset(labels, labels), "abc", progress=False)


def test_twins_of_interactions_are_each_other_reversed():
    source = Interactions(size=32, frames=4, split="test")
    twins = source.facts.twins
    assert sorted(sum(twins, ())) == list(range(len(CLASS_NAMES)))
    for one, other in twins:
        forwards, backwards = (source.batch([7], labels=[label])[0] for label in (one, other))
        np.testing.assert_array_equal(forwards, backwards[:, ::-1])
    report = evaluate(FirstPixel(20), dataset([0], [0]), CLASS_NAMES, progress=False)
    assert report.twins == twins and report.chance == pytest.approx(1 / 20)


def test_no_pair_of_syncmnist_is_known():
    report = evaluate(FirstPixel(46), dataset([45, 0], [45, 45]), PAIRS, progress=False)
    assert report.figures["no_pair"] == 0.5


def test_a_generated_test_set_is_the_same_every_time():
    source = Interactions(size=32, frames=2, split="test", seed=3)
    first, second = (
        np.concatenate([labels for _, labels in evaluation_dataset(source, 4, 10)])
        for _ in range(2)
    )
    assert first.tolist() == second.tolist()
