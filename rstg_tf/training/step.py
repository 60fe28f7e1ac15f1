"""One step of training: as Keras's `fit` takes it, and as a function by itself."""

import tensorflow as tf


def gradient_step(model, optimizer, clips, labels, label_smoothing=0.0):
    """Takes one step on the mean loss of a batch; in a replica, the mean over the global batch.

    Clips are uint8 `[B, T, H, W, C]`, labels int64 `[B]`, or of blended clips float `[B, classes]`.
    Returns the loss of every clip `[B]` and the logits `[B, classes]`, both before the step.
    """
    with tf.GradientTape() as tape:
        logits = model(clips, training=True)["logits"]
        losses = cross_entropy(labels, logits, label_smoothing)
        loss = tf.nn.compute_average_loss(losses)
    optimizer.minimize(loss, model.trainable_variables, tape=tape)
    return losses, logits


def cross_entropy(labels, logits, label_smoothing=0.0):
    """Cross-entropy `[B]` of float logits `[B, classes]`.

    Labels are int64 `[B]`, or float `[B, classes]` that sum to one; the smoothing is the
    probability mass that is spread over all classes.
    """
    labels = tf.convert_to_tensor(labels)
    targets = labels if labels.dtype.is_floating else tf.one_hot(labels, logits.shape[-1])
    return tf.keras.losses.categorical_crossentropy(
        targets, logits, from_logits=True, label_smoothing=label_smoothing
    )


class Trainee(tf.keras.Model):
    """Wraps a `VideoClassifier` for training, so that it stays a plain model itself.

    The smoothing of labels takes place in training only.
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


def make_train_step(model, optimizer, label_smoothing=0.0, takes_learning_rate=False):
    """Makes one training step that compiles with XLA, to run or to export.

    Args:
        model: a `VideoClassifier`.
        optimizer: a Keras optimizer; its schedule, where it has one, runs inside of the step.
        label_smoothing: probability mass that is spread over all classes.
        takes_learning_rate: whether the step takes the learning rate as its third argument, as a
            step that is exported has to; the optimizer must have a plain number then.

    Returns:
        `tf.function(clips, labels[, learning_rate])` that returns the batch's loss and accuracy.
        Its variables are `step_variables(model, optimizer)`.
    """
    optimizer.build(model.trainable_variables)

    def step(clips, labels):
        losses, logits = gradient_step(model, optimizer, clips, labels, label_smoothing)
        hits = tf.equal(tf.argmax(logits, axis=-1), labels)
        return [tf.reduce_mean(losses), tf.reduce_mean(tf.cast(hits, tf.float32))]

    def step_at(clips, labels, learning_rate):
        optimizer.learning_rate = learning_rate
        return step(clips, labels)

    return tf.function(step_at if takes_learning_rate else step, jit_compile=True)


def step_variables(model, optimizer):
    """All variables that a step of `make_train_step` reads or writes."""
    return [*model.variables, *optimizer.variables, optimizer.learning_rate]
