"""Multiply-adds of a traced function, counted from its operations."""

import math

import tensorflow as tf


def multiply_adds(graph):
    """Counts the multiply-adds of convolutions and products of matrices.

    Only operations count that the outputs need: a recurrence is traced with one step more than it
    runs, whose result nobody reads. Products with the zeros of a padding count.

    Args:
        graph: graph of a `tf.function` that was traced with all sizes known.

    Returns:
        Dict from the name of an operation to its multiply-adds; those of a call or a loop are those
        of all that runs inside.

    Raises:
        ValueError: a size, or the number of rounds of a loop, is not known.
    """
    counts = {op.name: _of_operation(op) for op in _needed(graph)}
    return {name: count for name, count in counts.items() if count}


def _needed(graph):
    needed, waiting = set(), [tensor.op for tensor in graph.outputs]
    while waiting:
        op = waiting.pop()
        if op not in needed:
            needed.add(op)
            waiting += [tensor.op for tensor in op.inputs]
            waiting += op.control_inputs
    return needed


def _of_operation(op):
    if op.type in ("PartitionedCall", "StatefulPartitionedCall"):
        return sum(multiply_adds(_function(op, "f")).values())
    if op.type in ("While", "StatelessWhile"):
        inside = sum(multiply_adds(_function(op, "body")).values())
        return inside and inside * _rounds(op)
    if op.type == "Einsum":
        return _of_einsum(op)
    if op.type not in _TERMS:
        return 0
    # Every element of the output is a sum of so many products.
    return _product(op, op.outputs[0].shape) * _product(op, _TERMS[op.type](op))


def _function(op, attribute):
    """The graph of a function that an operation names, with the sizes it was traced with."""
    return op.graph._get_function(op.get_attr(attribute).name).graph


def _rounds(op):
    """Rounds of a loop that counts by ones while its counter is below a limit, as Keras's do."""
    (condition,) = (_source(tensor) for tensor in _function(op, "cond").outputs)
    places = {tensor.name: i for i, tensor in enumerate(_function(op, "cond").inputs)}
    if condition.type == "Less" and condition.inputs[0].name in places:
        counter = places[condition.inputs[0].name]
        step = _source(_function(op, "body").outputs[counter])
        first, limit = (
            _scalar(op.inputs[places[tensor.name]] if tensor.name in places else tensor)
            for tensor in condition.inputs
        )
        by_one = step.type == "AddV2" and _scalar(step.inputs[1]) == 1
        if by_one and None not in (first, limit):
            return max(0, limit - first)
    raise ValueError(f"The rounds of a loop must be known. Received: {op.name}")


def _source(tensor):
    """The operation that a tensor comes from, behind those that only pass it on."""
    while tensor.op.type == "Identity":
        tensor = tensor.op.inputs[0]
    return tensor.op


def _scalar(tensor):
    value = tf.get_static_value(tensor)
    if value is None and tensor.op.type == "StridedSlice":  # A size: one element of a shape.
        vector, index = (tf.get_static_value(part) for part in tensor.op.inputs[:2])
        value = None if vector is None else vector[index[0]]
    return None if value is None else int(value)


def _product(op, sizes):
    sizes = list(sizes)
    if None in sizes:
        raise ValueError(f"All sizes must be known. Received: {op.name} with {sizes}")
    return math.prod(sizes)


def _of_einsum(op):
    labels = op.get_attr("equation").decode().split("->")[0].split(",")
    sizes = {}
    for term, tensor in zip(labels, op.inputs, strict=True):
        if "." in term:
            raise ValueError(f"An einsum must name all axes. Received: {op.name}")
        sizes.update(zip(term, tensor.shape, strict=True))
    return _product(op, sizes.values())


def _terms_of_product(op, transposed):
    return [op.inputs[0].shape[-2 if op.get_attr(transposed) else -1]]


_TERMS = {
    "Conv2D": lambda op: op.inputs[1].shape[:-1],
    "Conv3D": lambda op: op.inputs[1].shape[:-1],
    "DepthwiseConv2dNative": lambda op: op.inputs[1].shape[:2],
    "MatMul": lambda op: _terms_of_product(op, "transpose_a"),
    "BatchMatMulV2": lambda op: _terms_of_product(op, "adj_x"),
}
