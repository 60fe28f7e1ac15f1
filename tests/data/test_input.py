import pathlib
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf

from rstg_tf.data.input import evaluation_dataset, training_dataset
from rstg_tf.data.shards.shard_writer import write_shards
from rstg_tf.data.shards.source import Shards
from rstg_tf.data.synthetic.interactions import Interactions
from rstg_tf.data.synthetic.syncmnist import SyncMNIST


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("shards")
    write_shards(Interactions(size=16, frames=3, num_examples=60), folder)
    return folder


@pytest.fixture(params=["shards", "interactions", "syncmnist"])
def source(request, folder):
    if request.param == "shards":
        return Shards(folder, "train")
    if request.param == "interactions":
        return Interactions(size=16, frames=3)
    return SyncMNIST(digits=3, frames=3, size=16, source="embedded")


def batches(source, steps, **options):
    dataset = training_dataset(source, 8, **options)
    return [(clips.numpy(), labels.numpy()) for clips, labels in dataset.take(steps)]


def equal(some, others):
    return all(
        np.array_equal(a, b)
        for one, other in zip(some, others, strict=True)
        for a, b in zip(one, other, strict=True)
    )


def test_shapes_are_known_and_batches_whole(source):
    clips, labels = training_dataset(source, 8).element_spec
    assert clips == tf.TensorSpec((8, *source.clip_shape), tf.uint8)
    assert labels == tf.TensorSpec((8,), tf.int64)
    clips, labels = evaluation_dataset(source, 8).element_spec
    assert clips.shape.as_list() == [None, *source.clip_shape]


@pytest.mark.parametrize("start", [5, 8, 17])
def test_a_training_goes_on_where_it_was(source, start):
    everything = batches(source, 20, seed=3)
    tf.random.set_seed(start)
    assert equal(everything[start:], batches(source, 20 - start, seed=3, start_step=start))


def test_seeds_give_other_batches(source):
    assert not equal(batches(source, 2, seed=3), batches(source, 2, seed=4))


def test_batches_are_new_each_time(source):
    clips = np.concatenate([clips for clips, _ in batches(source, 7)])
    assert len({clip.tobytes() for clip in clips}) == 56


@pytest.mark.parametrize("deterministic", [True, False])
def test_an_epoch_gives_every_example_once_in_another_order(folder, deterministic):
    source = Shards(folder, "train")
    dataset = training_dataset(source, 20, deterministic=deterministic)
    epochs = np.concatenate([clips for clips, _ in dataset.take(6)]).reshape(2, 60, -1)
    everything = {
        clip.tobytes() for clips, _ in evaluation_dataset(source, 9) for clip in clips.numpy()
    }
    first, second = ([clip.tobytes() for clip in epoch] for epoch in epochs)
    assert set(first) == set(second) == everything
    assert len(everything) == 60
    assert first != second


def test_evaluation_gives_everything_in_order(source):
    read = list(evaluation_dataset(source, 16, 37))
    assert [len(labels) for _, labels in read] == [16, 16, 5]
    clips = np.concatenate([clips for clips, _ in read])
    if isinstance(source, Shards):
        source = Interactions(size=16, frames=3)
    np.testing.assert_array_equal(clips, source.batch(range(37))[0])


def test_evaluation_ends_where_the_source_ends(folder):
    assert sum(len(labels) for _, labels in evaluation_dataset(Shards(folder, "train"), 16)) == 60
    few = Interactions(size=16, frames=3, num_examples=20)
    assert sum(len(labels) for _, labels in evaluation_dataset(few, 16)) == 20


def test_sharded_by_data_not_by_file(source):
    for dataset in (training_dataset(source, 8), evaluation_dataset(source, 8)):
        policy = dataset.options().experimental_distribute.auto_shard_policy
        assert policy == tf.data.experimental.AutoShardPolicy.DATA


_DISTRIBUTE = """
import sys
import numpy as np
import tensorflow as tf
cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
from rstg_tf.data.input import training_dataset
from rstg_tf.data.synthetic.interactions import Interactions
from rstg_tf.data.shards.source import Shards

strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
for source in (Shards(sys.argv[1], "train"), Interactions(size=16, frames=3)):
    whole = iter(training_dataset(source, 8, seed=1))
    parts = iter(strategy.experimental_distribute_dataset(training_dataset(source, 8, seed=1)))
    for _ in range(3):
        clips = strategy.experimental_local_results(next(parts)[0])
        assert [len(part) for part in clips] == [4, 4]
        np.testing.assert_array_equal(np.concatenate(clips), next(whole)[0])
print("equal")
"""


def test_two_devices_share_the_batches_and_the_process_ends_well(folder):
    root = pathlib.Path(__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-c", _DISTRIBUTE, str(folder)], capture_output=True, text=True, cwd=root
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == "equal\n"
