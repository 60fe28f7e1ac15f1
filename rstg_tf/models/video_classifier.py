"""The model that all experiments train: uint8 clips in, logits and probabilities out."""

from collections.abc import Mapping
from typing import Any

import tensorflow as tf

from rstg_tf.layers import RSTG
from rstg_tf.registry import BACKBONES, HEADS

# name -> (offset, divisor) of (pixel - offset) / divisor
PREPROCESSING = {
    "none": (0.0, 1.0),
    "unit": (0.0, 255.0),
    "kinetics": (114.75, 57.375),
}


@tf.keras.utils.register_keras_serializable(package="rstg_tf")
class VideoClassifier(tf.keras.Model):
    """Classifies clips: preprocessing, backbone per frame, head over space and time, dense layer.

    The model is built when it is constructed and takes any batch size, number of frames (at least
    two), height and width (at least the backbone's `min_size`).

    Args:
        num_classes: number of classes.
        channels: channels of a frame, 1 or 3.
        backbone: name of a backbone, see `rstg_tf.backbones`.
        backbone_options: the backbone's own arguments, a dict.
        head: name of a head, see `rstg_tf.models`: `"average"`, `"rstg"`, `"mean"`,
            `"mean_lstm"` or `"conv_lstm"`.
        head_options: the head's own arguments, a dict.
        norm: `"layer"` normalises the clip's vector before the classifier, `"none"` does not.
        dropout: fraction of the clip's vector that is dropped in training.
        preprocessing: how pixels 0..255 are scaled: `"unit"` to [0, 1], `"kinetics"` to
            `(x - 114.75) / 57.375`, `"none"` not at all.

    Call arguments:
        clips: uint8 `[B, T, H, W, C]`.

    Returns:
        A dict of float32 `logits` and `probabilities`, both `[B, num_classes]`.

    Raises:
        ValueError: on a clip of wrong rank or channels, with no or one frame, or too small.

    Example:
    >>> model = VideoClassifier(14, head="rstg", head_options={"node_dim": 64})
    >>> model(tf.zeros([2, 16, 64, 64, 3], tf.uint8))["logits"].shape
    TensorShape([2, 14])
    """

    def __init__(
        self,
        num_classes: int,
        channels: int = 3,
        backbone: str = "simple_conv",
        backbone_options: Mapping[str, Any] | None = None,
        head: str = "rstg",
        head_options: Mapping[str, Any] | None = None,
        norm: str = "layer",
        dropout: float = 0.0,
        preprocessing: str = "unit",
        **kwargs,
    ) -> None:
        super().__init__(**kwargs)
        if num_classes < 2:
            raise ValueError(f"There must be two or more classes. Received: {num_classes=}")
        if norm not in ("none", "layer"):
            raise ValueError(f'norm must be "none" or "layer". Received: {norm=}')
        if preprocessing not in PREPROCESSING:
            raise ValueError(
                f"preprocessing must be one of {sorted(PREPROCESSING)}. Received: {preprocessing=}"
            )
        self.num_classes = num_classes
        self.channels = channels
        self.norm = norm
        self.dropout = dropout
        self.preprocessing = preprocessing
        self._names = {"backbone": backbone, "head": head}
        self._options = {
            "backbone_options": dict(backbone_options or {}),
            "head_options": dict(head_options or {}),
        }
        policy = self.dtype_policy
        options = {"dtype": policy, **self._options["backbone_options"]}
        self.backbone = BACKBONES.get(backbone)(name="backbone", **options)
        options = {"dtype": policy, **self._options["head_options"]}
        self.head = HEADS.get(head)(name="head", **options)
        self._norm = (
            tf.keras.layers.LayerNormalization(name="norm", dtype=policy)
            if norm == "layer"
            else None
        )
        self._dropout = tf.keras.layers.Dropout(dropout, dtype=policy)
        self._classifier = tf.keras.layers.Dense(num_classes, dtype="float32", name="classifier")
        # Shapes of a SavedModel are those of the first call.
        self(tf.keras.Input((None, None, None, channels), dtype=tf.uint8))

    @property
    def classifier(self) -> tf.keras.layers.Layer:
        """The dense layer that gives the logits."""
        return self._classifier

    @property
    def blocks(self) -> dict[str, RSTG]:
        """The RSTG blocks in their order: a dict from place (`"res2"`, ... `"final"`) to layer."""
        blocks = dict(getattr(self.backbone, "blocks", {}))
        final = self.head if isinstance(self.head, RSTG) else getattr(self.head, "block", None)
        if final is not None:
            blocks["final"] = final
        return blocks

    @property
    def block(self) -> RSTG | None:
        """The last of the RSTG blocks, or None."""
        return next(reversed(self.blocks.values()), None)

    @property
    def streams(self) -> bool:
        """Whether the model can go frame by frame: `initial_state` and `step`."""
        try:
            self.initial_state(1)
        except (ValueError, NotImplementedError):
            return False
        return True

    def call(self, clips: tf.Tensor, training: bool | None = None) -> dict[str, tf.Tensor]:
        """Classifies clips."""
        logits = self.classify_floats(self._preprocess(self._checked(clips, 2)), training)
        return {"logits": logits, "probabilities": tf.nn.softmax(logits)}

    def classify_floats(self, clips: tf.Tensor, training: bool | None = None) -> tf.Tensor:
        """Classifies clips that are scaled already.

        Args:
            clips: float `[B, T, H, W, C]`, scaled as `preprocessing` says.
            training: whether to train.

        Returns:
            Float32 logits `[B, num_classes]`.
        """
        features = self.backbone(clips, training=training)
        return self._classify(self.head(features, training=training), training)

    def attention(self, clips: tf.Tensor, place: str | None = None) -> tf.Tensor:
        """Attention of every node over its neighbours.

        Args:
            clips: uint8 `[B, T, H, W, C]`.
            place: a key of `blocks`; that of `block` by default.

        Returns:
            float `[B, T, K, E]`, for the E directed edges of `model.block.edges`; T are the time
            steps at that place.

        Raises:
            ValueError: if the model has no graph, or none at this place.
        """
        places = list(self.blocks)
        if not places or place not in (None, *places):
            raise ValueError(
                f"Only an RSTG block has attention; the places of this model's are {places}. "
                f"Received: place={place!r}"
            )
        place = place or places[-1]
        features = self._preprocess(self._checked(tf.convert_to_tensor(clips), 2))
        if place != "final":
            return self.backbone(features, return_attention=True, training=False)[1][place]
        features = self.backbone(features, training=False)
        return self.head(features, return_attention=True, training=False)[1]

    def initial_state(self, batch_size: int) -> dict[str, tf.Tensor]:
        """State of a stream before its first frame.

        Args:
            batch_size: number of streams B.

        Returns:
            A dict of tensors, batch first.
        """
        self._check_streams()
        return self.head.initial_state(batch_size)

    def step(
        self, frames: tf.Tensor, state: dict[str, tf.Tensor]
    ) -> tuple[dict[str, tf.Tensor], dict[str, tf.Tensor]]:
        """Takes one more frame of every stream.

        Args:
            frames: uint8 `[B, H, W, C]`.
            state: what `initial_state` or the step before returned.

        Returns:
            The outputs of `call` for the frames up to this one, and the next state.
        """
        self._check_streams()
        clips = self._checked(tf.convert_to_tensor(frames)[:, tf.newaxis], min_frames=1)
        features = self.backbone(self._preprocess(clips), training=False)
        vector, state = self.head.step(features[:, 0], state)
        logits = self._classify(vector, training=False)
        return {"logits": logits, "probabilities": tf.nn.softmax(logits)}, state

    def get_config(self) -> dict[str, Any]:
        """Constructor arguments."""
        return {
            **super().get_config(),
            "num_classes": self.num_classes,
            "channels": self.channels,
            **self._names,
            **self._options,
            "norm": self.norm,
            "dropout": self.dropout,
            "preprocessing": self.preprocessing,
        }

    @classmethod
    def from_config(cls, config):
        """Builds the model from its `get_config`."""
        return cls(**config)

    def _preprocess(self, clips):
        offset, divisor = PREPROCESSING[self.preprocessing]
        return (tf.cast(clips, self.compute_dtype) - offset) / divisor

    def _classify(self, vector, training):
        if self._norm is not None:
            vector = self._norm(vector)
        return self._classifier(self._dropout(vector, training=training))

    def _check_streams(self):
        if not (self.backbone.per_frame and hasattr(self.head, "initial_state")):
            raise ValueError(
                "Streaming needs a backbone and a head that work frame by frame. "
                f"Received: backbone={self._names['backbone']!r}, head={self._names['head']!r}"
            )

    def _checked(self, clips, min_frames):
        shape, smallest = clips.shape, self.backbone.min_size
        if shape.rank != 5 or shape[4] not in (None, self.channels):
            raise ValueError(
                f"Clips are [batch, frames, height, width, {self.channels}]. "
                f"Received: shape={tuple(shape)}"
            )
        assertions = []
        limits = ((1, min_frames, "frames"), (2, smallest, "rows"), (3, smallest, "columns"))
        for axis, least, what in limits:
            message = f"A clip must have at least {least} {what}."
            if shape[axis] is None:
                assertions.append(
                    tf.debugging.assert_greater_equal(tf.shape(clips)[axis], least, message)
                )
            elif shape[axis] < least:
                raise ValueError(f"{message} Received: shape={tuple(shape)}")
        # What follows must not fail first, less clearly.
        with tf.control_dependencies([a for a in assertions if a is not None]):
            return tf.identity(clips)
