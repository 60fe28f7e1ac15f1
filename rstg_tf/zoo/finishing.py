"""The last touches to the files of a SavedModel, for who loads it by Keras alone."""

import json
import pathlib

_CHECKED, _OF_ANY_SIZE = "clips", "_of_any_size"


def finish(directory):
    """Changes the graph and the metadata of a SavedModel of clips; weights and scores stay.

    What is done already stays as it is, so that models of before can be brought up to date.

    Args:
        directory: the SavedModel, as Keras wrote it.
    """
    from keras.protobuf import saved_metadata_pb2
    from tensorflow.core.protobuf import saved_model_pb2

    directory = pathlib.Path(directory)
    path = directory / "saved_model.pb"
    saved = saved_model_pb2.SavedModel.FromString(path.read_bytes())
    for meta_graph in saved.meta_graphs:
        _forget_shapes(meta_graph.graph_def)
        _hide_sizes(meta_graph.graph_def.library.function)
    path.write_bytes(saved.SerializeToString(deterministic=True))
    path = directory / "keras_metadata.pb"
    metadata = saved_metadata_pb2.SavedMetadata.FromString(path.read_bytes())
    for node in metadata.nodes:
        node.metadata = json.dumps(_without_shared_ids(json.loads(node.metadata)))
    path.write_bytes(metadata.SerializeToString(deterministic=True))
    # Of the file as it was; a model needs none.
    (directory / "fingerprint.pb").unlink(missing_ok=True)


def _forget_shapes(graph):
    """Removes the shapes that are noted at each operation: a tenth of the bytes.

    TensorFlow finds them again when it loads the model.
    """
    for nodes in (graph.node, *(function.node_def for function in graph.library.function)):
        for node in nodes:
            node.attr.pop("_output_shapes", None)


def _hide_sizes(functions):
    """Lets what follows the check of a clip's shape not know its sizes before it runs.

    TensorFlow would find out while it traces that a pooling gets too small a map, and say so of
    that operation, before the model says that the clip is too small.
    """
    for function in functions:
        names = {node.name for node in function.node_def}
        for node in list(function.node_def):
            name = f"{node.name}{_OF_ANY_SIZE}"
            is_check = node.op == "EnsureShape" and node.name.rpartition("/")[2] == _CHECKED
            if not is_check or name in names:
                continue
            for user in function.node_def:
                for place, source in enumerate(user.input):
                    if source == f"{node.name}:output:0":
                        user.input[place] = f"{name}:output:0"
            hidden = function.node_def.add(name=name, op="PlaceholderWithDefault")
            hidden.input.append(f"{node.name}:output:0")
            hidden.attr["dtype"].CopyFrom(node.attr["T"])
            hidden.attr["shape"].CopyFrom(node.attr["shape"])


def _without_shared_ids(value):
    """Removes the numbers by which Keras knows objects that are shared: ours share none.

    A layer that was loaded without its class keeps them in its settings, where they are those of
    other objects once the model is saved again, so that it could not be loaded any more.
    """
    if isinstance(value, dict):
        return {
            key: _without_shared_ids(inner)
            for key, inner in value.items()
            if key != "shared_object_id"
        }
    return [_without_shared_ids(inner) for inner in value] if isinstance(value, list) else value
