"""The RSTG block as one would first write it in Keras: what `benchmarks/block.py` compares with."""

import tensorflow as tf

from rstg_tf import SpaceGraph


class NaiveRSTG(tf.keras.layers.Layer):
    """Time-major, in a Python loop over T; messages for all N * N pairs, concatenated first.

    The defaults of `rstg_tf.RSTG` otherwise: dot-product attention that masks, a residual map.
    """

    def __init__(self, node_dim=512, iterations=3, **kwargs):
        super().__init__(**kwargs)
        self.graph, self.node_dim, self.iterations = SpaceGraph(), node_dim, iterations
        dense = tf.keras.layers.Dense
        self.projection = dense(node_dim)
        self.send = [dense(node_dim, activation="relu") for _ in range(2)]
        self.query, self.key = dense(node_dim), dense(node_dim)
        self.update_mlp = [dense(node_dim, activation="relu") for _ in range(2)]
        self.cell, self.final_cell = (tf.keras.layers.LSTMCell(node_dim) for _ in range(2))
        self.norm = tf.keras.layers.LayerNormalization(epsilon=1e-5, gamma_initializer="zeros")

    def build(self, input_shape):
        self.bias = self.add_weight("bias", (self.node_dim,), initializer="zeros")
        self.back_projection = tf.keras.layers.Dense(input_shape[-1])
        super().build(input_shape)

    def call(self, inputs):
        batch, (time, height, width, channels) = tf.shape(inputs)[0], inputs.shape[1:]
        num_nodes = self.graph.num_nodes
        pool = tf.constant(self.graph.pool_weights(height, width), tf.float32)
        spread = tf.constant(self.graph.spread_weights(height, width), tf.float32)
        zeros = tf.zeros([batch * num_nodes, self.node_dim])
        states = [[zeros, zeros] for _ in range(self.iterations + 1)]
        maps = []
        for t in range(time):
            pixels = tf.reshape(inputs[:, t], [batch, height * width, channels])
            nodes = self.projection(tf.matmul(pool, pixels))
            for k in range(self.iterations):
                nodes, states[k] = self.advance(self.cell, nodes, states[k])
                nodes = self.space(nodes)
            nodes, states[-1] = self.advance(self.final_cell, nodes, states[-1])
            pixels = tf.matmul(spread, self.back_projection(nodes))
            maps.append(tf.reshape(pixels, [batch, height, width, channels]))
        return inputs + self.norm(tf.stack(maps, axis=1))

    def advance(self, cell, nodes, state):
        hidden, state = cell(tf.reshape(nodes, [-1, self.node_dim]), state)
        return tf.reshape(hidden, tf.shape(nodes)), state

    def space(self, nodes):
        num_nodes = self.graph.num_nodes
        sources = tf.repeat(nodes[:, None], num_nodes, axis=1)
        targets = tf.repeat(nodes[:, :, None], num_nodes, axis=2)
        messages = tf.concat([sources, targets], axis=-1)
        for layer in self.send:
            messages = layer(messages)
        logits = tf.matmul(self.query(nodes), self.key(nodes), transpose_b=True)
        weights = tf.nn.softmax(tf.where(self.graph.adjacency > 0, logits, logits.dtype.min))
        gathered = tf.nn.relu(tf.einsum("bij,bijm->bim", weights, messages) + self.bias)
        nodes = tf.concat([nodes, gathered], axis=-1)
        for layer in self.update_mlp:
            nodes = layer(nodes)
        return nodes

    def load(self, block):
        """Takes the weights of a built `rstg_tf.RSTG`, so that both compute the same function."""
        space = block.space_stage
        cells = ((self.cell, block.time_stage), (self.final_cell, block.final_time_stage))
        for cell, stage in cells:
            cell.set_weights(stage.lstm.get_weights())
        kernel = tf.concat([space.send.source.kernel, space.send.target.kernel], axis=0)
        self.send[0].set_weights([kernel.numpy(), space.send.target.bias.numpy()])
        pairs = [
            (self.projection, block.projection),
            (self.back_projection, block.back_projection),
            (self.send[1], space.send.hidden),
            (self.query, space.gather.query),
            (self.key, space.gather.key),
            *zip(self.update_mlp, space.update.mlps[0], strict=True),
        ]
        for ours, theirs in pairs:
            ours.set_weights(theirs.get_weights())
        self.norm.set_weights(block.unpooling.get_weights())
