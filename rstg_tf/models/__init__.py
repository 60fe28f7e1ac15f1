"""Video classifiers: a backbone, a head over space and time, a linear classifier.

A head is a Keras layer that `rstg_tf.registry.HEADS` knows by name:

- `call(features [B, T, h, w, C], training=None)` returns one vector a clip, `[B, D]`.
- `initial_state(batch_size)` and `step(features [B, h, w, C], state)`, where it can go frame by
  frame: the state before the first frame, a dict of tensors with the batch first; and what `call`
  returns for the frames so far, with the next state. Without them the classifier can't stream.
- `block`, where it holds an `RSTG` block: that block. Then `call` takes `return_attention`.
"""

import functools

from rstg_tf.layers import RSTG
from rstg_tf.models.average_head import AverageHead
from rstg_tf.models.sequence_head import SequenceHead
from rstg_tf.models.video_classifier import VideoClassifier
from rstg_tf.registry import HEADS

__all__ = ["AverageHead", "SequenceHead", "VideoClassifier"]

HEADS.register(
    "rstg",
    hidden=("residual", "project_back"),
    summary="a Recurrent Space-time Graph over regions of the feature maps (RSTG)",
)(functools.partial(RSTG, readout="vec"))
