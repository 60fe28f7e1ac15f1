"""The settings of an experiment: nested dataclasses with a default for everything."""

import dataclasses
from typing import Optional

from official.modeling import hyperparams, optimization

from rstg_tf.data.pipeline import clips
from rstg_tf.experiments.sections import choose, make_section
from rstg_tf.registry import BACKBONES, HEADS, SOURCES


def backbone(type="simple_conv", /, **settings):
    """A section of the backbones, `rstg_tf.registry.BACKBONES`: the name of one, its settings."""
    return choose(BACKBONES, type, **settings)


def head(type="rstg", /, **settings):
    """A section of the heads over space and time, `rstg_tf.registry.HEADS`."""
    return choose(HEADS, type, **settings)


@dataclasses.dataclass
class Model(hyperparams.Config):
    """Arguments of `rstg_tf.models.VideoClassifier`.

    Classes and channels are the data's where they are None.
    """

    num_classes: int | None = None
    channels: int | None = None
    backbone: hyperparams.OneOfConfig = dataclasses.field(default_factory=backbone)
    head: hyperparams.OneOfConfig = dataclasses.field(default_factory=head)
    norm: str = "layer"
    dropout: float = 0.0
    preprocessing: str = "kinetics"


def source(type="interactions", /, **settings):
    """A section of where clips come from, `rstg_tf.registry.SOURCES`."""
    return choose(SOURCES, type, **settings)


Clips = make_section(clips.Clips)


@dataclasses.dataclass
class Data(hyperparams.Config):
    """A data set.

    Attributes:
        source: the generator; it makes clips on the fly where there is no `input_path`.
        input_path: a directory of shards, local, `s3://` or `gs://`, or "" to make clips on the
            fly.
        clips: how clips are taken from shards of videos that are stored whole.
        on_corrupt: what to do at a damaged record: "error", or "skip" and count it.
        split: split of the data set.
        is_training: endless and shuffled, or once and in order.
        global_batch_size: clips in a batch, over all devices together.
        num_examples: clips to validate on, 0 for all; training has no end.
        seed: seed of the clips made on the fly and of the order of training.
        deterministic: whether batches of training come in the order of their steps; a resumed
            training is exact only then.
    """

    source: hyperparams.OneOfConfig = dataclasses.field(default_factory=source)
    input_path: str = ""
    clips: hyperparams.Config = dataclasses.field(default_factory=Clips)
    on_corrupt: str = "error"
    split: str = "train"
    is_training: bool = True
    global_batch_size: int = 32
    num_examples: int = 0
    seed: int = 0
    deterministic: bool = True


@dataclasses.dataclass
class EMA(hyperparams.Config):
    """Exponential moving average of the weights; validation and publishing use the average.

    An `average_decay` that is None makes it forget within a twentieth of the training.
    """

    average_decay: float | None = None


@dataclasses.dataclass
class Optimization(optimization.OptimizationConfig):
    """Model Garden's settings of optimizer, learning rate and warm-up, with Keras's average.

    A schedule whose `decay_steps` is None lasts `train_steps`, a warm-up whose `warmup_steps` is
    None a twentieth of them.
    """

    # Model Garden does not find a section in `EMA | None`.
    ema: Optional[EMA] = None  # noqa: UP045


@dataclasses.dataclass
class Trainer(hyperparams.Config):
    """The training.

    Attributes:
        train_steps: steps of the whole training.
        checkpoint_interval: steps between two checkpoints; a training that is killed goes on from
            the last one.
        validation_interval: steps between two validations; they take place at checkpoints, the
            last one at the end.
        max_to_keep: how many of the last checkpoints stay.
        label_smoothing: probability mass that is spread over all classes.
        optimizer_config: optimizer, learning rate, warm-up, average.
        seed: seed of the initial weights.
        init_checkpoint: what to start from: the folder of a training, name or folder of a published
            model, or a TensorFlow 1 checkpoint of the authors' code (of Kinetics, say), see
            `rstg_tf.training.warm_start`; "" starts from random weights.
    """

    train_steps: int = 8000
    checkpoint_interval: int = 200
    validation_interval: int = 1000
    max_to_keep: int = 2
    label_smoothing: float = 0.0
    optimizer_config: Optimization = dataclasses.field(default_factory=Optimization)
    seed: int = 0
    init_checkpoint: str = ""


@dataclasses.dataclass
class Runtime(hyperparams.Config):
    """The machine: what may change between two runs of the same training.

    Attributes:
        distribution_strategy: see `rstg_tf.training.strategy`.
        num_gpus: how many GPUs to use, -1 for all.
        virtual_devices: split the one CPU or GPU into so many logical devices; 1 does not.
        all_reduce_alg: Model Garden's name of the all-reduce, or None to choose.
        tpu: address of the TPU, "local" on a TPU's own machine.
        mixed_precision_dtype: "float32", "bfloat16" or "float16".
        enable_xla: compile the training step with XLA.
        op_determinism: make every operation deterministic, at some cost in speed.
    """

    distribution_strategy: str = "one_device"
    num_gpus: int = -1
    virtual_devices: int = 1
    all_reduce_alg: str | None = None
    tpu: str | None = None
    mixed_precision_dtype: str = "float32"
    enable_xla: bool = False
    op_determinism: bool = False


@dataclasses.dataclass
class Experiment(hyperparams.Config):
    """An experiment: what to train on what, and how."""

    name: str = ""
    size: str = "lite"
    model: Model = dataclasses.field(default_factory=Model)
    train_data: Data = dataclasses.field(default_factory=Data)
    validation_data: Data = dataclasses.field(
        default_factory=lambda: Data(
            split="validation", is_training=False, global_batch_size=64, num_examples=1000
        )
    )
    trainer: Trainer = dataclasses.field(default_factory=Trainer)
    runtime: Runtime = dataclasses.field(default_factory=Runtime)
