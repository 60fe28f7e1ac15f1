"""Takes a step of a small video ResNet on one device and on two, and saves the weights."""

import sys

import numpy as np
import tensorflow as tf

from rstg_tf.layers import Bottleneck, NonLocal


def train(strategy):
    tf.keras.utils.set_random_seed(0)
    with strategy.scope():
        model = tf.keras.Sequential(
            [
                tf.keras.Input((4, 8, 8, 3)),
                Bottleneck(4, temporal_kernel=3, stride=2, project=True),
                NonLocal(),
                Bottleneck(4),
                tf.keras.layers.GlobalAveragePooling3D(),
                tf.keras.layers.Dense(3),
            ]
        )
        model.compile(tf.keras.optimizers.SGD(0.05), "mse")
    rng = np.random.default_rng(0)
    for weight in model.trainable_weights:  # Fresh blocks are the identity.
        if "gamma" in weight.name:
            weight.assign(rng.uniform(0.5, 1.0, weight.shape))
    before = model.get_weights()
    clips, targets = rng.normal(size=(8, 4, 8, 8, 3)), rng.normal(size=(8, 3))
    clips *= np.linspace(0.5, 3, 8)[:, None, None, None, None]  # Devices see other statistics.
    dataset = tf.data.Dataset.from_tensor_slices((np.float32(clips), np.float32(targets)))
    model.fit(dataset.batch(8, drop_remainder=True), epochs=1, verbose=0)
    return [weight.name for weight in model.weights], before, model.get_weights()


if __name__ == "__main__":
    tf.config.set_logical_device_configuration(
        tf.config.list_physical_devices("CPU")[0], [tf.config.LogicalDeviceConfiguration()] * 2
    )
    names, before, one = train(tf.distribute.OneDeviceStrategy("CPU:0"))
    _, _, two = train(tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"]))
    runs = {"before": before, "one": one, "two": two}
    arrays = {f"{run}/{n}": w for run, weights in runs.items() for n, w in enumerate(weights)}
    np.savez(sys.argv[1], names=names, **arrays)
