"""What every layer and model that Keras knows by name must do, proved for one case of it."""

import dataclasses
import inspect
import json
from collections.abc import Callable

import numpy as np
import tensorflow as tf
from closeness import FORWARD, assert_close

RATE = 0.5  # A power of two, so that a step of SGD is exact.


@dataclasses.dataclass(frozen=True)
class LayerCase:
    """A layer with tiny sizes, what to call it with, and what should come out.

    Attributes:
        make: function of a dtype policy (None for the global one) to a new layer.
        args, kwargs: what it is called with; arrays are the tensors among them.
        shapes: shapes of its outputs, flattened.
        trainable, non_trainable: numbers of weights.
        known: how many of the last axes of an input must be known where a call is symbolic; all
            others but the first may be.
        float32_outputs: places among the outputs of those that are float32 in mixed precision.
        float32_layers: names of layers inside that compute in float32 in mixed precision.
        config_names: what its config calls an argument of the constructor, where not by its name.
    """

    make: Callable
    args: tuple
    shapes: tuple
    trainable: int
    non_trainable: int = 0
    kwargs: dict = dataclasses.field(default_factory=dict)
    known: int = 1
    float32_outputs: tuple = ()
    float32_layers: tuple = ()
    config_names: dict = dataclasses.field(default_factory=dict)

    @property
    def tensors(self):
        return [leaf for leaf in self._leaves if isinstance(leaf, np.ndarray)]

    def call(self, layer, tensors, **kwargs):
        """Outputs, flattened, for other tensors in the places of the arrays."""
        tensors = iter(tensors)
        leaves = [next(tensors) if isinstance(x, np.ndarray) else x for x in self._leaves]
        args, own_kwargs = tf.nest.pack_sequence_as((self.args, self.kwargs), leaves)
        return tf.nest.flatten(layer(*args, **own_kwargs, **kwargs))

    @property
    def _leaves(self):
        return tf.nest.flatten((self.args, self.kwargs))


def run_layer_test(case):
    """Raises AssertionError where a layer fails one of the checks that all of them must pass.

    Returns:
        The layer of the `LayerCase`.
    """
    layer = make_layer(case)
    expected = case.call(layer, case.tensors)
    assert tuple(tuple(output.shape) for output in expected) == case.shapes
    weights = len(layer.trainable_weights), len(layer.non_trainable_weights)
    assert weights == (case.trainable, case.non_trainable), "trainable, non-trainable weights"

    _check_graph(case, layer, expected)
    _check_symbolic(case, _check_config(case, layer), layer.get_weights(), expected)
    _check_train_step(case, layer)
    return layer


def run_mixed_precision_test(case, policy):
    """Raises AssertionError where a layer does not compute as a policy of Keras says."""
    dtype = tf.keras.mixed_precision.Policy(policy).compute_dtype
    # Keras casts the first argument, the others come from layers of the same policy.
    first = len([x for x in tf.nest.flatten(case.args) if isinstance(x, np.ndarray)])
    tensors = [
        tf.cast(tensor, dtype) if place >= first and tensor.dtype == np.float32 else tensor
        for place, tensor in enumerate(case.tensors)
    ]
    layer = make_layer(case, policy, tensors)
    others = {
        one.name
        for one in (layer, *layer.submodules)
        if isinstance(one, tf.keras.layers.Layer) and one.dtype_policy.name != policy
    }
    assert others == set(case.float32_layers), f"layers of another policy than {policy}"
    assert {weight.dtype for weight in layer.weights} <= {tf.float32}
    for place, output in enumerate(case.call(layer, tensors)):
        wanted = "float32" if place in case.float32_outputs else dtype
        assert output.dtype == wanted, f"output {place} is {output.dtype}"
        assert np.isfinite(np.asarray(output, np.float32)).all(), f"output {place} is not finite"


def make_layer(case, policy=None, tensors=None):
    """A built layer; its weights are a little off their initial values, of which many are zero."""
    tf.keras.utils.set_random_seed(0)
    layer = case.make(policy)
    case.call(layer, case.tensors if tensors is None else tensors)
    rng = np.random.default_rng(1)
    for weight in layer.weights:
        weight.assign_add(rng.normal(size=weight.shape, scale=0.1).astype(np.float32))
    return layer


def _check_config(case, layer):
    """Returns the layer that its config makes."""
    parameters = inspect.signature(type(layer).__init__).parameters.values()
    variadic = inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD
    names = {one.name for one in parameters if one.name != "self" and one.kind not in variadic}
    config = layer.get_config()
    missing = {case.config_names.get(name, name) for name in names} - set(config)
    assert not missing, f"the config lacks arguments of the constructor: {missing}"
    # Also through JSON and by its registered name, as saved models come back.
    stored = json.dumps(tf.keras.utils.serialize_keras_object(layer))
    clones = (
        type(layer).from_config(config),
        tf.keras.utils.deserialize_keras_object(json.loads(stored)),
    )
    for clone in clones:
        assert type(clone) is type(layer)
        assert _as_json(clone.get_config()) == _as_json(config)
    return clones[-1]


def _as_json(config):
    return json.loads(json.dumps(tf.keras.utils.serialize_keras_object(config)))


def _check_graph(case, layer, expected):
    """The same numbers as in eager mode, and known shapes in give known shapes out."""
    shapes = []

    @tf.function
    def run(*tensors):
        outputs = case.call(layer, tensors)
        shapes.append(tuple(tuple(output.shape) for output in outputs))
        return outputs

    received = run(*[tf.constant(tensor) for tensor in case.tensors])
    assert shapes == [case.shapes], "shapes in tf.function"
    _assert_equal_outputs(received, expected, "tf.function")


def _check_symbolic(case, clone, weights, expected):
    """A layer built without sizes gives, with the same weights, the same in a functional model."""
    inputs = []
    for tensor in case.tensors:
        unknown = max(1, tensor.ndim - case.known)
        shape = (None,) * unknown + tensor.shape[unknown:]
        inputs.append(tf.keras.Input(batch_shape=shape, dtype=tensor.dtype))
    outputs = case.call(clone, inputs)
    clone.set_weights(weights)
    for symbolic, shape in zip(outputs, case.shapes, strict=True):
        assert symbolic.shape.is_compatible_with(shape), (symbolic.shape, shape)
        assert symbolic.shape[-1] == shape[-1], (symbolic.shape, shape)
    received = tf.nest.flatten(tf.keras.Model(inputs, outputs)(case.tensors))
    _assert_equal_outputs(received, expected, "a functional model of its config's layer")


def _check_train_step(case, layer):
    optimizer = tf.keras.optimizers.SGD(RATE)
    optimizer.build(layer.trainable_weights)

    @tf.function
    def step(*tensors):
        floats = [tensor for tensor in tensors if tensor.dtype.is_floating]
        with tf.GradientTape() as tape:
            tape.watch(floats)
            outputs = case.call(layer, tensors, training=True)
            loss = tf.add_n([tf.reduce_sum(tf.square(output)) for output in outputs])
        weights = layer.trainable_weights
        gradients = tape.gradient(loss, [*weights, *floats])
        gradients, of_inputs = gradients[: len(weights)], gradients[len(weights) :]
        without = [w.name for w, g in zip(weights, gradients, strict=True) if g is None]
        assert not without, f"weights without a gradient: {without}"
        optimizer.apply_gradients(zip(gradients, weights, strict=True))
        return gradients, [gradient for gradient in of_inputs if gradient is not None]

    before = [weight.numpy() for weight in layer.trainable_weights]
    gradients, of_inputs = step(*[tf.constant(tensor) for tensor in case.tensors])
    assert any(np.any(gradient) for gradient in (*gradients, *of_inputs)), "all are zero"
    for gradient in of_inputs:
        assert np.isfinite(gradient).all(), "of an input"
    for weight, gradient, old in zip(layer.trainable_weights, gradients, before, strict=True):
        assert np.isfinite(gradient).all(), f"gradient of {weight.name}"
        np.testing.assert_array_equal(weight, old - RATE * gradient.numpy(), weight.name)
    for weight in layer.non_trainable_weights:
        assert np.isfinite(weight).all(), weight.name


def _assert_equal_outputs(received, expected, way):
    assert len(received) == len(expected), way
    for place, (one, other) in enumerate(zip(received, expected, strict=True)):
        assert one.dtype == other.dtype, (way, place)
        assert_close(one, other, FORWARD, f"output {place} of {way}")
