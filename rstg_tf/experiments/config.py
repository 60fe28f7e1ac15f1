"""The settings of an experiment: nested dataclasses with a default for everything."""

import dataclasses
from typing import Optional

from official.modeling import hyperparams, optimization

# ------------------------------------------------------------------------------------ model


@dataclasses.dataclass
class SimpleConv(hyperparams.Config):
    """Arguments of `rstg_tf.backbones.SimpleConv`."""

    filters: tuple[int, ...] = (16, 32, 64)


@dataclasses.dataclass
class RSTG(hyperparams.Config):
    """Arguments of `rstg_tf.RSTG`."""

    scales: tuple[int, ...] = (3, 2, 1)
    node_dim: int = 64
    message_dim: int = 64
    iterations: int = 3
    attention: str = "dot"
    heads: int = 1
    final: str | None = None
    variant: str = "all_temp"
    positional: bool = False
    dim_map: int = 6
    norm: str = "layer"
    node_batch_norm: bool = True
    update_layers: int = 2
    scalewise_update: bool = False
    output_norm: str = "layer"
    adjacency: str = "mask"
    head_dim: int | None = None
    internal_time_stages: int | None = None
    positional_grid: str = "exact"


@dataclasses.dataclass
class TemporalKernels(hyperparams.Config):
    """Sizes in time of the kernels of `rstg_tf.backbones.VideoResNet`; the default is I3D."""

    stem: int = 5
    res2: tuple[int, ...] = (3, 3, 3)
    res3: tuple[int, ...] = (3, 1, 3, 1)
    res4: tuple[int, ...] = (3, 1, 3, 1, 3, 1)
    res5: tuple[int, ...] = (1, 3, 1)


@dataclasses.dataclass
class VideoResNet(hyperparams.Config):
    """Arguments of `rstg_tf.backbones.VideoResNet`."""

    width: float = 1.0
    temporal_kernels: TemporalKernels = dataclasses.field(default_factory=TemporalKernels)
    non_local: tuple[str, ...] = ()
    graphs: tuple[str, ...] = ()
    graph_options: RSTG = dataclasses.field(default_factory=RSTG)
    stride_place: str = "middle"
    res5_stride: int = 1
    pool_padding: int = 0
    batch_norm: str = "trained"
    recompute: bool = False


@dataclasses.dataclass
class Backbone(hyperparams.OneOfConfig):
    """The backbone: `type` names one of the other fields."""

    type: str | None = "simple_conv"
    simple_conv: SimpleConv = dataclasses.field(default_factory=SimpleConv)
    video_resnet: VideoResNet = dataclasses.field(default_factory=VideoResNet)


@dataclasses.dataclass
class SequenceHead(hyperparams.Config):
    """Arguments of `rstg_tf.models.SequenceHead` besides its kind."""

    units: int = 64
    grid: int = 3


@dataclasses.dataclass
class AverageHead(hyperparams.Config):
    """Arguments of `rstg_tf.models.AverageHead`."""

    graph_options: Optional[RSTG] = None  # noqa: UP045 (see `Optimization`)
    combine: str = "plus"
    norm: str = "layer"
    window: tuple[int, int] | None = None


@dataclasses.dataclass
class Head(hyperparams.OneOfConfig):
    """The head over space and time: `type` names one of the other fields."""

    type: str | None = "rstg"
    average: AverageHead = dataclasses.field(default_factory=AverageHead)
    rstg: RSTG = dataclasses.field(default_factory=RSTG)
    mean: SequenceHead = dataclasses.field(default_factory=SequenceHead)
    mean_lstm: SequenceHead = dataclasses.field(default_factory=SequenceHead)
    conv_lstm: SequenceHead = dataclasses.field(default_factory=SequenceHead)


@dataclasses.dataclass
class Model(hyperparams.Config):
    """Arguments of `rstg_tf.models.VideoClassifier`.

    Classes and channels are the data's where they are None.
    """

    num_classes: int | None = None
    channels: int | None = None
    backbone: Backbone = dataclasses.field(default_factory=Backbone)
    head: Head = dataclasses.field(default_factory=Head)
    norm: str = "layer"
    dropout: float = 0.0
    preprocessing: str = "kinetics"


# ------------------------------------------------------------------------------------- data


@dataclasses.dataclass
class Interactions(hyperparams.Config):
    """Arguments of `rstg_tf.data.synthetic.interactions.Interactions`."""

    size: int = 64
    frames: int = 16
    distractors: int = 2
    difficulty: float = 0.5


@dataclasses.dataclass
class SyncMNIST(hyperparams.Config):
    """Arguments of `rstg_tf.data.synthetic.syncmnist.SyncMNIST`."""

    digits: int = 3
    frames: int = 10
    size: int = 64
    noise_parts: int = 0
    z_order: str = "authors"
    persistence: float = 0.0
    annealing: tuple[int, int] | None = None
    no_pair: float = 1 / 92
    mnist_path: str | None = None
    trajectories: str | None = None


@dataclasses.dataclass
class Source(hyperparams.OneOfConfig):
    """Where clips come from: `type` names one of the other fields."""

    type: str | None = "interactions"
    interactions: Interactions = dataclasses.field(default_factory=Interactions)
    syncmnist: SyncMNIST = dataclasses.field(default_factory=SyncMNIST)


@dataclasses.dataclass
class Clips(hyperparams.Config):
    """Arguments of `rstg_tf.data.pipeline.clips.Clips`, for shards that hold videos whole."""

    frames: int = 16
    size: int = 64
    short_side: int = 72
    sampling: str = "uniform"
    stride: int = 1
    jitter: float = 0.0
    brightness: float = 0.1
    flip: bool = False
    swap_labels: str = ""
    mixup: float = 0.0


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

    source: Source = dataclasses.field(default_factory=Source)
    input_path: str = ""
    clips: Clips = dataclasses.field(default_factory=Clips)
    on_corrupt: str = "error"
    split: str = "train"
    is_training: bool = True
    global_batch_size: int = 32
    num_examples: int = 0
    seed: int = 0
    deterministic: bool = True


# --------------------------------------------------------------------------------- training


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


# ------------------------------------------------------------------------------- experiment


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
