"""The optimizer that a config describes, and the weights that it averages."""

import contextlib

from rstg_tf.experiments.config import Optimization


def build_optimizer(config, variables, mixed_precision_dtype="float32"):
    """Builds an optimizer through Model Garden's factory, and its own variables.

    Args:
        config: a resolved `rstg_tf.experiments.config.Optimization`.
        variables: the variables to train.
        mixed_precision_dtype: with "float16" the loss is scaled.

    Returns:
        A Keras optimizer.
    """
    from official.modeling import optimization, performance

    # The factory averages weights for legacy optimizers only; Keras's own can do it themselves.
    factory = optimization.OptimizerFactory(Optimization({**config.as_dict(), "ema": None}))
    optimizer = factory.build_optimizer(
        factory.build_learning_rate(),
        use_legacy_optimizer=False,
    )
    if config.ema is not None:
        optimizer.use_ema = True
        optimizer.ema_momentum = config.ema.average_decay
        optimizer.ema_overwrite_frequency = None
    optimizer.build(variables)
    return performance.configure_optimizer(
        optimizer, use_float16=mixed_precision_dtype == "float16"
    )


@contextlib.contextmanager
def averaged_weights(model, optimizer):
    """Gives the model the average of its weights for a while, where the optimizer keeps one.

    Args:
        model: the model that `optimizer` trains.
        optimizer: a Keras optimizer that has been built.
    """
    variables = model.trainable_variables
    optimizer = getattr(optimizer, "inner_optimizer", optimizer)
    weights = [variable.numpy() for variable in variables]
    optimizer.finalize_variable_values(variables)
    try:
        yield
    finally:
        for variable, value in zip(variables, weights, strict=True):
            variable.assign(value)
