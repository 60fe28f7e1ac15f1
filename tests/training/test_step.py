"""One step of training, by itself."""

import pathlib
import sys

import numpy as np
import pytest
import tensorflow as tf
from closeness import FORWARD, assert_all_close, assert_close
from tiny import tiny_experiment

from rstg_tf import experiments
from rstg_tf.experiments.build import build_optimizer
from rstg_tf.runs.checkpoints import averaged_weights
from rstg_tf.training import make_train_step, step_variables
from rstg_tf.training.step import cross_entropy, gradient_step

TOOLS = pathlib.Path(__file__).parents[2].parent / "shared" / "tools" / "accelerator"


def make(optimizer=None):
    """A tiny classifier, its optimizer and a batch."""
    config = tiny_experiment()
    source = experiments.build_source(config.train_data)
    config = experiments.resolve(config, source)
    tf.keras.utils.set_random_seed(0)
    model = experiments.build_model(config.model)
    clips, labels = (tf.constant(array) for array in source.batch(range(4)))
    optimizer = optimizer or build_optimizer(
        config.trainer.optimizer_config, model.trainable_variables
    )
    return model, optimizer, clips, labels


@pytest.mark.parametrize("plain_descent", [True, False])
def test_compiled_step_equals_plain_step(plain_descent):
    results = []
    for compiled in (True, False):
        model, optimizer, clips, labels = make(
            tf.keras.optimizers.SGD(0.05) if plain_descent else None
        )
        step = make_train_step(model, optimizer, label_smoothing=0.1)
        for _ in range(2):
            if compiled:
                loss, accuracy = step(clips, labels)
            else:
                losses, logits = gradient_step(model, optimizer, clips, labels, 0.1)
                loss = tf.reduce_mean(losses)
                accuracy = np.mean(np.argmax(logits, axis=1) == labels)
        results.append([loss, accuracy])
        if plain_descent:  # Others make whole steps of gradients that are nothing but rounding.
            results[-1] += model.get_weights()
    assert_all_close(*results, FORWARD)


def test_learning_rate_as_argument():
    model, optimizer, clips, labels = make(tf.keras.optimizers.SGD(0.0))
    before = [variable.numpy() for variable in model.trainable_variables]
    step = make_train_step(model, optimizer, takes_learning_rate=True)
    step(clips, labels, tf.constant(0.0))
    for a, b in zip(before, model.trainable_variables, strict=True):
        np.testing.assert_array_equal(a, b)
    first, _ = step(clips, labels, tf.constant(1e-4))
    second, _ = step(clips, labels, tf.constant(1e-4))
    assert second < first


@pytest.mark.skipif(not TOOLS.exists(), reason=f"{TOOLS} is not there to export with")
def test_step_exports_and_takes_trained_state_back(tmp_path):
    sys.path.insert(0, str(TOOLS))
    from export_step import export_step, load_state

    model, optimizer, clips, labels = make(tf.keras.optimizers.AdamW(1e-3))
    step = make_train_step(model, optimizer, takes_learning_rate=True)
    arguments = (clips, labels, tf.constant(1e-3))
    captured = export_step(step, arguments, step_variables(model, optimizer), str(tmp_path))
    assert (tmp_path / "step.hlo").stat().st_size > 0
    trained = {id(variable) for variable in captured}
    assert all(id(variable) in trained for variable in model.trainable_variables)
    state = dict(np.load(tmp_path / "state.npz"))
    before = model.get_weights()
    step(*arguments)
    np.savez(tmp_path / "back.npz", **state)
    load_state(tmp_path / "back.npz", captured)
    for a, b in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_label_smoothing():
    logits = tf.constant([[2.0, 0.0, -1.0]])
    log_p = tf.nn.log_softmax(logits)[0]
    expected = -(0.9 * log_p[0] + 0.1 * tf.reduce_mean(log_p))
    assert_close(cross_entropy([0], logits, 0.1)[0], expected)


@pytest.mark.parametrize("kind", experiments.OPTIMIZERS)
def test_every_optimizer_steps_clips_and_averages(kind):
    config = tiny_experiment().trainer.optimizer_config
    experiments.apply_overrides(
        config,
        {
            "optimizer": {"type": kind, kind: {"global_clipnorm": 0.5}},
            "learning_rate": {"type": "constant", "constant": {"learning_rate": 0.01}},
            "warmup": {"type": None},
        },
    )
    weight = tf.Variable([1.0, 2.0])
    optimizer = build_optimizer(config, [weight])
    assert optimizer.global_clipnorm == 0.5
    optimizer.apply_gradients([(tf.constant([1.0, -1.0]), weight)])
    stepped = weight.numpy()
    assert stepped[0] < 1 and stepped[1] > 2
    with averaged_weights(FakeModel([weight]), optimizer):
        assert_close(weight, 0.5 * stepped + 0.5 * np.array([1.0, 2.0]))
    np.testing.assert_array_equal(weight, stepped)


class FakeModel:
    def __init__(self, variables):
        self.trainable_variables = variables


def test_float16_scales_the_loss():
    config = tiny_experiment().trainer.optimizer_config
    config.learning_rate.cosine.decay_steps, config.warmup.linear.warmup_steps = 10, 1
    optimizer = build_optimizer(config, [tf.Variable(1.0)], "float16")
    assert isinstance(optimizer, tf.keras.mixed_precision.LossScaleOptimizer)
    assert optimizer.inner_optimizer.use_ema
