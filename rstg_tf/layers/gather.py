"""Gather: every node weighs and sums the messages that it hears."""

import numpy as np
import tensorflow as tf

from rstg_tf.layers.configured import ConfiguredLayer, check_choice
from rstg_tf.layers.folding import on_rows
from rstg_tf.layers.normalization import make_norm, normalize

ATTENTIONS = ("dot", "additive", "mean")
ADJACENCIES = ("mask", "weight")


@tf.keras.utils.register_keras_serializable("rstg_tf")
class GatherMessages(ConfiguredLayer):
    """Attention over the neighbours of each node (paper, section 3.2).

    The weights are a softmax over the sources `j` of a target `i` of
    `<W_q v_i, W_k v_j>` (`"dot"`), of `leaky_relu(a_1 v_i + a_2 v_j)` (`"additive"`), or equal
    (`"mean"`). With several heads each has its own weights and its own projection of the messages
    to `M / heads` channels. After the sum: bias, normalisation, ReLU.

    Args:
        edges: int array `[E, 2]` of (source, target).
        num_nodes: number of targets `N`.
        attention: `"dot"`, `"additive"` or `"mean"`.
        heads: number of heads.
        head_dim: channels of a head; `D / heads` for queries and keys and `M / heads` for messages
            where it is missing.
        adjacency: `"mask"` listens to neighbours only. `"weight"` multiplies the logits by the
            adjacency matrix instead, as the released models do; then `edges` hold all `N * N`
            pairs, and a pair that is not adjacent keeps the logit 0.
        adjacency_matrix: float array `[N, N]` (target, source), with `adjacency="weight"`.
        norm: normalisation after the sum.
        iterations: how often the layer runs, for `norm="iteration_batch"`.

    Call arguments:
        inputs: messages `[F, E, M]`, node features of the sources `[F, S, D]` and of the targets
            `[F, N, D]`.
        source_mask: optional bool tensor `[F, S]`; false where a source does not exist.
        iteration: which of its runs this is, from 0.

    Returns:
        Gathered messages `[F, N, M]` and the attention on every edge `[F, E]` (float32, mean over
        heads).

    Raises:
        ValueError: unknown `attention`, `adjacency` or `norm`, or options that exclude each other.
    """

    def __init__(
        self,
        edges,
        num_nodes,
        attention="dot",
        heads=1,
        head_dim=None,
        adjacency="mask",
        adjacency_matrix=None,
        norm="none",
        iterations=1,
        **kwargs,
    ):
        super().__init__(**kwargs)
        check_choice(ATTENTIONS, attention=attention)
        check_choice(ADJACENCIES, adjacency=adjacency)
        if attention == "mean" and (heads != 1 or adjacency != "mask"):
            raise ValueError(
                '`attention="mean"` has neither heads nor logits to weigh. '
                f"Received: heads={heads}, adjacency={adjacency!r}"
            )
        self.edges = np.asarray(edges, dtype=np.int64).reshape(-1, 2)
        self.num_nodes = num_nodes
        self.attention = attention
        self.heads = heads
        self.head_dim = head_dim
        self.adjacency = adjacency
        self.adjacency_matrix = None if adjacency_matrix is None else np.asarray(adjacency_matrix)
        self.norm = norm
        self.iterations = iterations
        self.normalization = make_norm(
            norm, "normalization", self.dtype_policy, iterations=iterations
        )

    def build(self, input_shape):
        """Creates queries, keys, the projections of the heads and the bias."""
        messages, sources, targets = input_shape
        width = self._head_width(messages[-1])
        logits = {"dot": self.heads * self._head_width(targets[-1]), "additive": self.heads}
        if self.attention in logits:
            dense, units = tf.keras.layers.Dense, logits[self.attention]
            self.query = dense(units, name="query", dtype=self.dtype_policy)
            self.key = dense(units, name="key", dtype=self.dtype_policy)
            self.query.build(targets)
            self.key.build(sources)
        if self.heads > 1:
            shape = (self.heads, messages[-1], width)
            self.projection = self.add_weight("projection", shape)
            shape = (self.heads, 1, width)
            self.projection_bias = self.add_weight("projection_bias", shape, initializer="zeros")
        self.bias = self.add_weight("bias", (self.heads * width,), initializer="zeros")
        self.normalization.build((None, self.num_nodes, self.heads * width))
        super().build(input_shape)

    def call(self, inputs, source_mask=None, iteration=0, training=None):
        """Softmax in float32 over all sources, then the weighted sum over the edges."""
        messages, sources, targets = inputs
        weights = self._attend(sources, targets, source_mask)  # [F, heads, N, S]
        source, target = self.edges.T
        num_sources = sources.shape[-2]

        # Each edge is one column; the target's row of that column holds its weight.
        from_source = tf.one_hot(source, num_sources, axis=0, dtype=messages.dtype)  # [S, E]
        to_target = tf.one_hot(target, self.num_nodes, axis=0, dtype=messages.dtype)  # [N, E]
        rows = tf.matmul(tf.cast(weights, messages.dtype), from_source) * to_target
        gathered = tf.matmul(rows, messages[:, None])  # [F, heads, N, M]
        if self.heads > 1:
            # The projection is linear: after the sum it costs N products a head instead of E.
            total = tf.reduce_sum(rows, axis=-1, keepdims=True)
            gathered = tf.matmul(gathered, self.projection) + total * self.projection_bias
        gathered = tf.transpose(gathered, [0, 2, 1, 3])
        gathered = tf.reshape(gathered, [-1, self.num_nodes, self.bias.shape[0]])
        gathered = normalize(self.normalization, gathered + self.bias, iteration, training)
        gathered = tf.nn.relu(gathered)

        attention = tf.reshape(weights, [-1, self.heads, self.num_nodes * num_sources])
        attention = tf.gather(attention, target * num_sources + source, axis=-1)
        return gathered, tf.reduce_mean(attention, axis=1)

    def _attend(self, sources, targets, source_mask):
        """Weights `[F, heads, N, S]` in float32; all zero for a node that nobody neighbours."""
        neighbours = np.zeros((self.num_nodes, sources.shape[-2]), dtype=bool)
        neighbours[self.edges[:, 1], self.edges[:, 0]] = True
        mask = tf.constant(neighbours)[None, None]
        if source_mask is not None:
            mask &= source_mask[:, None, None, :]
        if self.attention == "mean":
            equal = tf.cast(mask, tf.float32)
            weights = tf.math.divide_no_nan(equal, tf.reduce_sum(equal, axis=-1, keepdims=True))
            return tf.tile(weights, [tf.shape(targets)[0] // tf.shape(weights)[0], 1, 1, 1])
        query = self._split(on_rows(self.query, targets))
        key = self._split(on_rows(self.key, sources))
        if self.attention == "dot":
            logits = tf.cast(tf.matmul(query, key, transpose_b=True), tf.float32)
        else:
            logits = tf.cast(query + tf.linalg.matrix_transpose(key), tf.float32)
        if self.adjacency == "weight":
            adjacency = tf.constant(self.adjacency_matrix, tf.float32)
            logits *= adjacency
        if self.attention == "additive":
            logits = tf.nn.leaky_relu(logits, 0.2)
            if self.adjacency == "weight":
                logits += adjacency
        logits = tf.where(mask, logits, logits.dtype.min)
        return tf.nn.softmax(logits) * tf.cast(mask, tf.float32)

    def _split(self, features):
        """Moves heads out of the channels: `[F, N, heads * C]` to `[F, heads, N, C]`."""
        shape = [-1, features.shape[-2], self.heads, features.shape[-1] // self.heads]
        return tf.transpose(tf.reshape(features, shape), [0, 2, 1, 3])

    def _head_width(self, dim):
        if self.heads == 1:
            return dim
        return self.head_dim or dim // self.heads
