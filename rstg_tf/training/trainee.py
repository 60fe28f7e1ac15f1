"""A classifier with a loss and metrics, as Keras's `fit` and `evaluate` want it."""

import tensorflow as tf

from rstg_tf.training.step import cross_entropy, gradient_step


class Trainee(tf.keras.Model):
    """Wraps a classifier for training, so that it stays a plain model itself.

    Args:
        classifier: a `VideoClassifier`.
        label_smoothing: probability mass that is spread over all classes, in training.

    Call arguments:
        clips: uint8 `[B, T, H, W, C]`.

    Returns:
        What the classifier returns.
    """

    def __init__(self, classifier, label_smoothing=0.0, **kwargs):
        super().__init__(**kwargs)
        self.classifier = classifier
        self.label_smoothing = label_smoothing
        self._loss = tf.keras.metrics.Mean(name="loss")
        self._accuracy = tf.keras.metrics.SparseCategoricalAccuracy(name="accuracy")

    @property
    def metrics(self):
        """Loss and accuracy; Keras resets them."""
        return [self._loss, self._accuracy]

    def call(self, clips, training=None):
        """Runs the classifier."""
        return self.classifier(clips, training=training)

    def train_step(self, batch):
        """One step of `fit`."""
        clips, labels = batch
        losses, logits = gradient_step(
            self.classifier, self.optimizer, clips, labels, self.label_smoothing
        )
        if labels.dtype.is_floating:  # A blended clip is of the class that it has most of.
            labels = tf.argmax(labels, axis=-1)
        return self._update(losses, labels, logits)

    def test_step(self, batch):
        """One step of `evaluate`."""
        clips, labels = batch
        # A replica may get nothing of the last batch, and oneDNN spoils the shape of nothing.
        size = tf.shape(labels)[0]
        missing = tf.cast(tf.equal(size, 0), tf.int32)
        clips = tf.pad(clips, [[0, missing], *[[0, 0]] * 4])
        logits = self.classifier(clips, training=False)["logits"][:size]
        return self._update(cross_entropy(labels, logits), labels, logits)

    def _update(self, losses, labels, logits):
        self._loss.update_state(losses)
        self._accuracy.update_state(labels, logits)
        return {metric.name: metric.result() for metric in self.metrics}
