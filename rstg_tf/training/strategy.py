"""Distribution strategies through Model Garden, with the machine's limits checked first."""

import os

import tensorflow as tf

from rstg_tf.training.cluster import default_signals, meet, read_cluster

STRATEGIES = ("one_device", "mirrored", "multi_worker_mirrored", "tpu")
_joined: list[str] = []


def get_strategy(runtime):
    """Makes the `tf.distribute.Strategy` that an experiment's section `runtime` asks for.

    It must be called before TensorFlow runs its first operation, where devices are to be split or
    workers to be joined. Raises a ValueError where this machine can't give it.
    """
    from official.common import distribute_utils

    name, copies = runtime.distribution_strategy, runtime.virtual_devices
    if name == "parameter_server":
        raise ValueError(
            "Training is synchronous here; use multi_worker_mirrored on several machines. "
            "Received: runtime.distribution_strategy='parameter_server'"
        )
    if name not in STRATEGIES:
        raise ValueError(
            f"A strategy is one of {list(STRATEGIES)}. "
            f"Received: runtime.distribution_strategy={name!r}"
        )
    if copies > 1 and name != "mirrored":
        raise ValueError(
            "Only the strategy mirrored can use virtual devices. "
            f"Received: runtime.distribution_strategy={name!r}, runtime.virtual_devices={copies}"
        )
    if name == "tpu":
        return _tpu(runtime, distribute_utils)
    found = len(tf.config.list_physical_devices("GPU"))
    if runtime.num_gpus > found:
        raise ValueError(
            f"This machine has {found} GPU(s). Received: runtime.num_gpus={runtime.num_gpus}"
        )
    gpus = found if runtime.num_gpus < 0 else runtime.num_gpus
    if name == "one_device":
        gpus = min(gpus, 1)
    if name == "multi_worker_mirrored":
        return _join_workers(gpus, runtime.all_reduce_alg, distribute_utils)
    if copies > 1:
        return tf.distribute.MirroredStrategy(_split(copies, gpus))
    return distribute_utils.get_distribution_strategy(
        name, num_gpus=gpus, all_reduce_alg=runtime.all_reduce_alg
    )


def is_chief(strategy):
    """Whether this process is the one that writes logs and checkpoints."""
    resolver = strategy.cluster_resolver
    return resolver is None or not resolver.task_type or resolver.task_id == 0


def check_same_step(strategy, step, folder):
    """Raises a ValueError in every worker unless all have restored the same step of a folder."""
    if not isinstance(strategy, tf.distribute.MultiWorkerMirroredStrategy):
        return
    mine = strategy.run(tf.function(lambda: tf.constant([step], tf.int64)))
    steps = strategy.gather(mine, axis=0).numpy().tolist()
    if len(set(steps)) > 1:
        raise ValueError(
            "All workers must see the folder of the training, on a disk that they share. "
            f"Received: {folder}, where they found checkpoints of the steps {steps}"
        )


def distribute(strategy, make_dataset):
    """Gives every worker its own part of a dataset, as Keras's `fit` and `evaluate` take it.

    `make_dataset` makes of a `tf.distribute.InputContext` the batches of one replica, and of None
    the global batches; on one machine these are returned, which Keras distributes over the devices.
    """
    if not isinstance(strategy, tf.distribute.MultiWorkerMirroredStrategy):
        return make_dataset(None)
    return strategy.distribute_datasets_from_function(make_dataset)


def _split(copies, gpus):
    """Splits the first GPU, or else the CPU, into logical devices."""
    kind = "GPU" if gpus else "CPU"
    device = tf.config.list_physical_devices(kind)[0]
    memory = {"memory_limit": 1024} if gpus else {}
    try:
        tf.config.set_logical_device_configuration(
            device, [tf.config.LogicalDeviceConfiguration(**memory) for _ in range(copies)]
        )
    except RuntimeError as error:
        if len(tf.config.list_logical_devices(kind)) != copies:
            raise ValueError(
                "Devices can be split before TensorFlow's first operation only. "
                f"Received: runtime.virtual_devices={copies}"
            ) from error
    return [f"{kind}:{i}" for i in range(copies)]


def _join_workers(gpus, all_reduce_alg, distribute_utils):
    """Makes the strategy of several workers, once all of them are there."""
    cluster = read_cluster(os.environ.get("TF_CONFIG", ""))
    if list(cluster) != _joined:  # A process joins once.
        meet(*cluster)
        _joined[:] = cluster
    with default_signals():
        return distribute_utils.get_distribution_strategy(
            "multi_worker_mirrored", num_gpus=gpus, all_reduce_alg=all_reduce_alg
        )


def _tpu(runtime, distribute_utils):
    address = "" if runtime.tpu is None else runtime.tpu
    try:
        return distribute_utils.get_distribution_strategy("tpu", tpu_address=address)
    except Exception as error:  # TensorFlow raises any of five types here.
        reason = str(error).strip().split("\n")[0]
        raise ValueError(
            f"No TPU answers: {reason} Received: runtime.tpu={runtime.tpu!r}"
        ) from error
