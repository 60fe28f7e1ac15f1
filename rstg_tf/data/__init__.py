"""Clips for training and evaluation: generators, shards on disk, and shards made of videos.

    source = rstg_tf.data.Interactions(split="test")      # or SyncMNIST(...)
    source = rstg_tf.data.Shards("data/videos", "train", rstg_tf.data.Clips(frames=16))
    batches = rstg_tf.data.input.training_dataset(source, batch_size=32)

Parts are imported when they are first used; the generators work without TensorFlow.
"""

import typing

from rstg_tf import lazy

_PLACES = {
    "Clips": "pipeline.clips",
    "Facts": "source",
    "Interactions": "synthetic.interactions",
    "Shards": "shards.source",
    "Source": "source",
    "SyncMNIST": "synthetic.syncmnist",
}
__all__ = sorted(_PLACES)

if typing.TYPE_CHECKING:  # The same for type checkers, which don't run `__getattr__`.
    from rstg_tf.data.pipeline.clips import Clips as Clips
    from rstg_tf.data.shards.source import Shards as Shards
    from rstg_tf.data.source import Facts as Facts
    from rstg_tf.data.source import Source as Source
    from rstg_tf.data.synthetic.interactions import Interactions as Interactions
    from rstg_tf.data.synthetic.syncmnist import SyncMNIST as SyncMNIST

__getattr__, __dir__ = lazy.attach(__name__, _PLACES)
