"""The RSTG block once more, in loops over clips, frames, nodes and edges; NumPy, time-major.

Written from the paper's algorithm, not from the layers; only the weights come from the block.
"""

import numpy as np


def relu(x):
    return np.maximum(x, 0.0)


def sigmoid(x):
    return 1.0 / (1.0 + np.exp(-x))


def weight(variable):
    return np.asarray(variable, dtype=np.float64)


def dense(layer, x):
    return x @ weight(layer.kernel) + weight(layer.bias)


def region_mean(frame, top, bottom, left, right):
    """Mean of the frame `[H, W, C]` over a rectangle given in fractions of its sides."""
    height, width, channels = frame.shape
    total, area = np.zeros(channels), 0.0
    for y in range(height):
        for x in range(width):
            dy = min(bottom * height, y + 1) - max(top * height, y)
            dx = min(right * width, x + 1) - max(left * width, x)
            if dy > 0 and dx > 0:
                total += dy * dx * frame[y, x]
                area += dy * dx
    return total / area


def rectangles(scales):
    for rows, columns in scales:
        for row in range(rows):
            for column in range(columns):
                yield row / rows, (row + 1) / rows, column / columns, (column + 1) / columns


def neighbours(scales):
    """For each node the list of nodes that it hears."""
    boxes, eps = list(rectangles(scales)), 1e-9
    heard = []
    for i, a in enumerate(boxes):
        heard.append([])
        for j, b in enumerate(boxes):
            dy = min(a[1], b[1]) - max(a[0], b[0])
            dx = min(a[3], b[3]) - max(a[2], b[2])
            if i != j and dy > -eps and dx > -eps and (dy > eps or dx > eps):
                heard[i].append(j)
    return heard


def positional_map(box, dim):
    top, bottom, left, right = (side * dim for side in box)
    values = []
    for y in range(dim):
        for x in range(dim):
            covered = max(min(bottom, y + 1) - max(top, y), 0) * max(
                min(right, x + 1) - max(left, x), 0
            )
            square = (y + 0.5 - (top + bottom) / 2) ** 2 + (x + 0.5 - (left + right) / 2) ** 2
            values.append(covered * np.exp(-square / 8.0))
    return np.array(values)


def layer_norm(layer, x):
    x = (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + layer.epsilon)
    return x * weight(layer.gamma) + weight(layer.beta)


def batch_norm(layer, x):
    x = (x - weight(layer.moving_mean)) / np.sqrt(weight(layer.moving_variance) + layer.epsilon)
    return x * weight(layer.gamma) + weight(layer.beta)


def norm(kind, layer, x):
    return {"none": lambda _, x: x, "layer": layer_norm, "batch": batch_norm}[kind](layer, x)


def lstm(stage, x, hidden, cell):
    layer = stage.lstm.cell
    z = x @ weight(layer.kernel) + hidden @ weight(layer.recurrent_kernel) + weight(layer.bias)
    gate_input, forget, candidate, output = np.split(z, 4)
    cell = sigmoid(forget) * cell + sigmoid(gate_input) * np.tanh(candidate)
    return sigmoid(output) * np.tanh(cell), cell


class NaiveBlock:
    """Recomputes a built `rstg_tf.RSTG` with the paper's adjacency."""

    def __init__(self, block):
        self.block = block
        self.heard = neighbours(block.scales)
        self.boxes = list(rectangles(block.scales))

    def message(self, source, j, target, i):
        send = self.block.space_stage.send
        hidden = source @ weight(send.source.kernel)
        hidden = hidden + target @ weight(send.target.kernel) + weight(send.target.bias)
        if self.block.positional:
            place_j = positional_map(self.boxes[j], self.block.dim_map)
            place_i = positional_map(self.boxes[i], self.block.dim_map)
            hidden = hidden + place_j @ weight(send.source_place)
            hidden = hidden + place_i @ weight(send.target_place)
        message = relu(dense(send.hidden, relu(hidden)))
        return norm(self.block.norm, self.block.space_stage.message_norm, message)

    def attend(self, target, sources, head):
        """Attention of one node on its sources."""
        gather = self.block.space_stage.gather
        if self.block.attention == "mean":
            return np.full(len(sources), 1.0 / len(sources))
        query = np.split(dense(gather.query, target), gather.heads)[head]
        keys = [np.split(dense(gather.key, source), gather.heads)[head] for source in sources]
        if self.block.attention == "dot":
            logits = np.array([query @ key for key in keys])
        else:
            logits = np.array([(query + key)[0] for key in keys])
            logits = np.where(logits > 0, logits, 0.2 * logits)
        exponents = np.exp(logits - logits.max())
        return exponents / exponents.sum()

    def space(self, nodes, previous):
        """One Space stage on a frame: nodes `[N, D]`; attention in the order of the edges."""
        gather, update = self.block.space_stage.gather, self.block.space_stage.update
        updated, attention = [], []
        for i, target in enumerate(nodes):
            sources = [(nodes[j], j) for j in self.heard[i]]
            if previous is not None:
                sources.append((previous[i], i))
            gathered, weights = [], []
            for head in range(gather.heads if sources else 0):
                messages = [self.message(source, j, target, i) for source, j in sources]
                if gather.heads > 1:
                    projection = weight(gather.projection)[head]
                    bias = weight(gather.projection_bias)[head, 0]
                    messages = [message @ projection + bias for message in messages]
                weights.append(self.attend(target, [source for source, _ in sources], head))
                gathered.append(sum(w * m for w, m in zip(weights[-1], messages, strict=True)))
            total = np.concatenate(gathered) if gathered else 0.0
            kind = self.block.norm if self.block.attention == "additive" else "none"
            gathered = relu(norm(kind, gather.normalization, total + weight(gather.bias)))
            value = np.concatenate([target, gathered])
            if self.block.scalewise_update:
                ends = np.cumsum(self.block.graph.scale_sizes)
                mlp = update.mlps[int(np.searchsorted(ends, i, side="right"))]
            else:
                mlp = update.mlps[0]
            for layer in mlp:
                value = relu(dense(layer, value))
            updated.append(value)
            attention.append(np.mean(weights, axis=0) if weights else np.zeros(0))
        return norm(self.block.norm, update.normalization, np.stack(updated)), attention

    def attention_row(self, attention, has_previous):
        """A frame's attention in the order of `block.edges`: inside the frame, then from before."""
        temporal = self.block.variant == "homogeneous"
        inside = [w[: len(heard)] for w, heard in zip(attention, self.heard, strict=True)]
        before = [w[-1:] if has_previous else np.zeros(1) for w in attention]
        return np.concatenate(inside + (before if temporal else []))

    def __call__(self, clips):
        """Output of the block and attention `[B, T, K, E]`."""
        outputs, attentions = zip(*(self.clip(clip) for clip in clips), strict=True)
        return np.stack(outputs), np.stack(attentions)

    def clip(self, clip):
        block = self.block
        time, size = len(clip), (block.graph.num_nodes, block.node_dim)
        states = [[(np.zeros(size[1]),) * 2] * size[0] for _ in range(block.iterations + 1)]
        before = [None] * block.iterations
        frames, attentions = [], []
        for t in range(time):
            nodes = np.stack([region_mean(clip[t], *box) for box in self.boxes])
            if block.projection is not None:
                nodes = dense(block.projection, nodes)
            nodes = norm(block.norm, block.node_normalizations[-1], nodes)
            rows = []
            for k in range(block.iterations):
                if block.variant in ("all_temp", "time_only"):
                    states[k] = [
                        lstm(block.time_stage, v, *s) for v, s in zip(nodes, states[k], strict=True)
                    ]
                    nodes = np.stack([hidden for hidden, _ in states[k]])
                if block.variant != "time_only":
                    previous = before[k] if block.variant == "homogeneous" else None
                    before[k] = nodes
                    nodes, attention = self.space(nodes, previous)
                    rows.append(self.attention_row(attention, previous is not None))
            if block.variant not in ("space_only", "homogeneous"):
                states[-1] = [
                    lstm(block.final_time_stage, v, *s)
                    for v, s in zip(nodes, states[-1], strict=True)
                ]
                nodes = np.stack([hidden for hidden, _ in states[-1]])
            if block.back_projection is not None:
                nodes = dense(block.back_projection, nodes)
            frames.append(nodes)
            attentions.append(np.stack(rows) if rows else np.zeros((0,)))
        if block.readout == "vec":
            last = frames[-1] if block.final == "last" else np.mean(frames, axis=0)
            return last.sum(axis=0), np.stack(attentions)
        return self.residual(clip, np.stack(frames)), np.stack(attentions)

    def residual(self, clip, frames):
        """Each cell takes the part of every grid cell that it covers; scales are summed."""
        time, height, width, channels = clip.shape
        branch = np.zeros(clip.shape)
        for t in range(time):
            start = 0
            for rows, columns in self.block.scales:
                grid = frames[t, start : start + rows * columns].reshape(rows, columns, channels)
                start += rows * columns
                for y in range(height):
                    for x in range(width):
                        branch[t, y, x] += region_mean(
                            grid, y / height, (y + 1) / height, x / width, (x + 1) / width
                        )
        # The block normalises over channels while it writes the map.
        layer = self.block.output_norm == "layer"
        layer = self.block.unpooling if layer else self.block.output_normalization
        branch = norm(self.block.output_norm, layer, branch)
        return clip + branch if self.block.residual else branch
