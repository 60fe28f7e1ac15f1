"""The Space stage: one round of messages between the regions of a frame."""

import numpy as np
import tensorflow as tf

from rstg_tf.graph import SpaceGraph
from rstg_tf.layers.configured import ConfiguredLayer
from rstg_tf.layers.gather import GatherMessages
from rstg_tf.layers.normalization import make_norm, normalize
from rstg_tf.layers.send import SendMessages
from rstg_tf.layers.update import UpdateNodes


@tf.keras.utils.register_keras_serializable("rstg_tf")
class SpaceStage(ConfiguredLayer):
    """Send, gather and update over the edges of a graph (paper, section 3.2).

    Frames are independent of one another unless `temporal`: then every node also hears itself in
    the frame before, which is the paper's homogeneous space-time graph.

    Args:
        scales: grids of the graph, see `rstg_tf.SpaceGraph`.
        node_dim: node dimension `D`.
        message_dim: message dimension `M`.
        attention, heads, head_dim, adjacency: see `rstg_tf.layers.GatherMessages`.
        positional: whether messages know the places of their nodes.
        dim_map, positional_grid: see `rstg_tf.SpaceGraph`.
        norm: normalisation of messages, of what additive attention gathers, and of updated nodes.
            The released models do not normalise what dot-product attention gathers.
        update_layers: number of layers of the update.
        scalewise_update: whether each scale has update weights of its own.
        temporal: whether a node hears itself in the frame before.
        iterations: how often the stage runs, for `norm="iteration_batch"`.

    Call arguments:
        nodes: node features `[F, N, D]` of `F` frames.
        previous: with `temporal`, the features `[F, N, D]` of the frames before.
        has_previous: with `temporal`, bool tensor `[F]`, false for the first frame of a clip.
        iteration: which of its runs this is, from 0.

    Returns:
        Node features `[F, N, D]` and the attention on every edge `[F, E]`.
    """

    def __init__(
        self,
        scales=(3, 2, 1),
        node_dim=512,
        message_dim=512,
        attention="dot",
        heads=1,
        head_dim=None,
        adjacency="mask",
        positional=False,
        dim_map=6,
        positional_grid="exact",
        norm="none",
        update_layers=2,
        scalewise_update=False,
        temporal=False,
        iterations=1,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.graph = SpaceGraph(scales, dim_map, positional_grid)
        self.scales = self.graph.scales
        self.node_dim = node_dim
        self.message_dim = message_dim
        self.attention = attention
        self.heads = heads
        self.head_dim = head_dim
        self.adjacency = adjacency
        self.positional = positional
        self.dim_map = dim_map
        self.positional_grid = positional_grid
        self.norm = norm
        self.update_layers = update_layers
        self.scalewise_update = scalewise_update
        self.temporal = temporal
        self.iterations = iterations

        policy = self.dtype_policy
        self.send = SendMessages(
            message_dim,
            self.edges,
            positional_maps=self.graph.positional_maps if positional else None,
            name="send",
            dtype=policy,
        )
        self.message_norm = make_norm(norm, "message_norm", policy, iterations=iterations)
        self.gather = GatherMessages(
            self.edges,
            self.graph.num_nodes,
            attention=attention,
            heads=heads,
            head_dim=head_dim,
            adjacency=adjacency,
            adjacency_matrix=self.graph.adjacency if adjacency == "weight" else None,
            norm=norm if attention == "additive" else "none",
            iterations=iterations,
            name="gather",
            dtype=policy,
        )
        self.update = UpdateNodes(
            node_dim,
            num_layers=update_layers,
            scale_sizes=self.graph.scale_sizes if scalewise_update else None,
            norm=norm,
            iterations=iterations,
            name="update",
            dtype=policy,
        )

    @property
    def edges(self):
        """Int array `[E, 2]` of (source, target).

        A source `N + i` is node `i` in the frame before (with `temporal`).
        """
        num_nodes = self.graph.num_nodes
        nodes = np.arange(num_nodes)
        edges = self.graph.edges
        if self.adjacency == "weight":
            edges = np.stack([np.tile(nodes, num_nodes), np.repeat(nodes, num_nodes)], axis=1)
        if self.temporal:
            edges = np.concatenate([edges, np.stack([num_nodes + nodes, nodes], axis=1)])
        return edges

    def build(self, input_shape):
        """Creates the weights of send, gather and update."""
        num_nodes, dim = self.graph.num_nodes, input_shape[-1]
        targets = (None, num_nodes, dim)
        sources = (None, num_nodes * (2 if self.temporal else 1), dim)
        messages = (None, len(self.edges), self.message_dim)
        self.send.build([sources, targets])
        self.message_norm.build(messages)
        self.gather.build([messages, sources, targets])
        self.update.build([targets, (None, num_nodes, self.gather.bias.shape[0])])
        super().build(input_shape)

    def call(self, nodes, previous=None, has_previous=None, iteration=0, training=None):
        """One message along every edge, one update of every node."""
        sources, source_mask = nodes, None
        if self.temporal:
            sources = tf.concat([nodes, previous], axis=-2)
            source_mask = tf.repeat(
                tf.stack([tf.ones_like(has_previous), has_previous], axis=-1),
                self.graph.num_nodes,
                axis=-1,
            )
        messages = self.send([sources, nodes])
        messages = normalize(self.message_norm, messages, iteration, training)
        gathered, attention = self.gather(
            [messages, sources, nodes],
            source_mask=source_mask,
            iteration=iteration,
            training=training,
        )
        nodes = self.update([nodes, gathered], iteration=iteration, training=training)
        return nodes, attention
