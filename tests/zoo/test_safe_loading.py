"""A stranger's SavedModel is read as data; what could run code is refused before it is built."""

import json
import os
import pathlib
import shutil

import pytest
import tensorflow as tf
from keras.protobuf import saved_metadata_pb2
from tensorflow.core.protobuf import saved_model_pb2

import rstg_tf
from rstg_tf.evaluation.subject import load_subject
from rstg_tf.hub import manifest, metadata_check
from rstg_tf.hub.loading import load_saved_model
from rstg_tf.registry import BACKBONES

MARK = "code_ran"  # Made in the working folder by any code of a stranger that runs.
CODE = f"open({MARK!r}, 'w').close()"


@pytest.fixture
def stranger(zoo, tmp_path, monkeypatch):
    """A copy of a good model, to be changed; at the end none of its code has run."""
    monkeypatch.chdir(tmp_path)
    copy = pathlib.Path(shutil.copytree(zoo / "tiny", tmp_path / "somewhere" / "stranger"))
    (copy / manifest.ENTRY).unlink()  # Whose checksums would be the first to tell.
    yield copy
    assert not os.path.exists(MARK)


def change_metadata(directory, change, number=0):
    path = directory / "keras_metadata.pb"
    metadata = saved_metadata_pb2.SavedMetadata.FromString(path.read_bytes())
    node = metadata.nodes[number]
    content = json.loads(node.metadata)
    node.metadata = json.dumps(change(content) or content)
    path.write_bytes(metadata.SerializeToString())


def change_graph(directory, change):
    path = directory / "saved_model.pb"
    saved = saved_model_pb2.SavedModel.FromString(path.read_bytes())
    change(saved.meta_graphs[0])
    path.write_bytes(saved.SerializeToString())


def lambda_layer():
    lines = eval(f"lambda clips: (exec({CODE!r}), clips)[1]")
    return tf.keras.layers.Lambda(lines, name="harmless")


def save_lambda(directory, wrap=lambda layer: layer):
    clips = tf.keras.Input((4, 8, 8, 3))
    tf.keras.Model(clips, wrap(lambda_layer())(clips)).save(directory, save_format="tf")
    os.unlink(MARK)


def nested(layer):
    return tf.keras.Sequential([layer])


def wrapped(layer):
    return tf.keras.layers.TimeDistributed(layer)


@pytest.mark.parametrize("wrap", [lambda layer: layer, nested, wrapped])
def test_the_code_of_a_lambda_never_runs(tmp_path, monkeypatch, wrap):
    monkeypatch.chdir(tmp_path)
    save_lambda("evil", wrap)
    for load in (rstg_tf.load_model, load_subject):
        with pytest.raises(ValueError, match=r"'Lambda' in .*evil/keras_metadata\.pb"):
            load("evil")
    assert not os.path.exists(MARK)
    tf.keras.models.load_model("evil")  # What it would have done.
    assert os.path.exists(MARK)


@pytest.mark.parametrize("suffix", [".keras", ".h5"])
def test_a_file_of_another_format_is_no_model(tmp_path, monkeypatch, suffix):
    monkeypatch.chdir(tmp_path)
    clips = tf.keras.Input((4, 8, 8, 3))
    tf.keras.Model(clips, lambda_layer()(clips)).save(f"evil{suffix}")
    os.unlink(MARK)
    for load in (rstg_tf.load_model, load_subject):
        with pytest.raises(ValueError, match="path of a SavedModel"):
            load(f"evil{suffix}")
    assert not os.path.exists(MARK)


def test_metadata_within_the_graph_counts_as_missing(tmp_path, monkeypatch):
    """As TensorFlow 2.4 wrote it: Keras reads it where `keras_metadata.pb` is missing."""
    monkeypatch.chdir(tmp_path)
    save_lambda("evil")
    evil = pathlib.Path("evil")
    metadata = saved_metadata_pb2.SavedMetadata.FromString(
        (evil / "keras_metadata.pb").read_bytes()
    )

    def move(graph):
        for node in metadata.nodes:
            graph.object_graph_def.nodes[node.node_id].user_object.metadata = node.metadata

    change_graph(evil, move)
    (evil / "keras_metadata.pb").unlink()
    with pytest.raises(FileNotFoundError, match=r"keras_metadata\.pb"):
        load_saved_model(evil)
    assert not os.path.exists(MARK)
    tf.keras.models.load_model("evil")
    assert os.path.exists(MARK)


LAMBDA = {"class_name": "__lambda__", "config": {"value": "4wAA", "defaults": None}}
FUNCTION = {"class_name": "function", "config": "system", "module": "posix"}
FOREIGN = {
    "a class of its own": ({"class_name": "Evil"}, "'Evil'"),
    "a class of another package": ({"class_name": "evil>Layer"}, "evil>Layer"),
    "one that only seems ours": ({"class_name": "rstg_tf>Evil"}, "rstg_tf>Evil"),
    "no name": ({"class_name": ["Dense"]}, "class_name"),
    "an operation": ({"class_name": "TFOpLambda"}, "TFOpLambda"),
    "a vocabulary of a file": ({"class_name": "StringLookup"}, "StringLookup"),
    "a module": ({"class_name": "Dense", "module": "os"}, "Dense of the module os"),
    "a registered name": ({"registered_name": "evil>Layer"}, "evil>Layer"),
    "a lambda in a config": ({"config": {"activation": LAMBDA}}, "__lambda__"),
    "a lambda in a list": ({"config": {"head_options": [[LAMBDA]]}}, "__lambda__"),
    "a function as a value": ({"config": {"initializer": FUNCTION}}, "function"),
    "a function by its name": ({"config": {"activation": "deserialize"}}, "deserialize"),
    "code as a value": ({"config": {"activation": ["4wAA", None, None]}}, "4wAA"),
    "a tensor of a type": ({"spec": {"class_name": "TypeSpec", "type_spec": "x"}}, "'x'"),
    "a loss": ({"training_config": {"loss": LAMBDA}}, "__lambda__"),
}


@pytest.mark.parametrize("what", FOREIGN)
@pytest.mark.parametrize("number", [0, 4])  # The model, a layer of it.
def test_other_classes_are_refused_by_name(stranger, what, number):
    change, named = FOREIGN[what]
    change_metadata(stranger, lambda content: {**content, **change}, number)
    with pytest.raises(ValueError, match=r"keras_metadata\.pb") as caught:
        rstg_tf.load_model(stranger)
    assert named in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "text", ["", "[", "[1]", "{}", '{"class_name": "Dense", "name": NaN}', "[" * 100_000]
)
def test_metadata_that_is_no_json_is_named(stranger, text):
    path = stranger / "keras_metadata.pb"
    metadata = saved_metadata_pb2.SavedMetadata.FromString(path.read_bytes())
    metadata.nodes[2].metadata = text
    path.write_bytes(metadata.SerializeToString())
    with pytest.raises(ValueError, match=r"metadata of a layer is damaged .*keras_metadata\.pb"):
        rstg_tf.load_model(stranger)


OPERATIONS = """
    PyFunc PyFuncStateless EagerPyFunc ReadFile WriteFile MatchingFiles PrintV2 DebugIdentityV2
    TFRecordDatasetV2 InitializeTableFromTextFileV2 RemoteCall LoadAndRemapMatrix SaveV2 RestoreV2
    CustomOperation
"""


def a_node(graph, operation):
    """A node of a function that runs, made one of another operation."""
    node = next(n for f in graph.graph_def.library.function for n in f.node_def if n.op == "Relu")
    node.op = operation


@pytest.mark.parametrize(
    "operation",
    OPERATIONS.split(),
)
def test_operations_that_do_more_than_compute_are_refused(stranger, operation):
    change_graph(stranger, lambda graph: a_node(graph, operation))
    with pytest.raises(ValueError, match=r"may compute only.*saved_model\.pb") as caught:
        rstg_tf.load_model(stranger)
    assert operation in str(caught.value) or "reads or writes files" in str(caught.value)


def test_what_a_saver_does_is_refused_where_it_would_run(stranger):
    def call(graph):
        functions = [f.signature.name for f in graph.graph_def.library.function]
        saver = next(name for name in functions if "traced_restore" in name)
        for function in graph.graph_def.library.function:
            for node in function.node_def:
                if node.op == "StatefulPartitionedCall" and "traced" not in function.signature.name:
                    node.attr["f"].func.attr["inner"].func.name = saver
                    return

    change_graph(stranger, call)
    with pytest.raises(ValueError, match=r"traced_restore.* reads or writes files"):
        rstg_tf.load_model(stranger)


def test_objects_and_assets_of_other_kinds_are_refused(stranger):
    good = (stranger / "saved_model.pb").read_bytes()

    def outside(graph):
        graph.asset_file_def[0].filename = "../../../etc/passwd"

    def registered(graph):
        graph.object_graph_def.nodes[3].registered_name = "evil.Object"

    def revived(graph):
        graph.object_graph_def.nodes[0].user_object.identifier = "evil"

    def resource(graph):
        graph.object_graph_def.nodes[3].resource.device = "cpu"

    for change, named in (
        (outside, "etc/passwd"),
        (registered, r"evil\.Object"),
        (revived, "the object evil"),
        (resource, "of the kind resource"),
    ):
        (stranger / "saved_model.pb").write_bytes(good)
        change_graph(stranger, change)
        with pytest.raises(ValueError, match=rf"{named}.*saved_model\.pb"):
            rstg_tf.load_model(stranger)


@pytest.mark.parametrize("file", ["saved_model.pb", "keras_metadata.pb", "variables"])
def test_a_damaged_or_missing_file_ends_in_one_line(stranger, file):
    path = stranger / file
    if file == "variables":
        next(path.glob("*.index")).write_bytes(b"damaged")
    else:
        path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(ValueError, match=r"damaged.*stranger") as caught:
        rstg_tf.load_model(stranger)
    assert "\n" not in str(caught.value)
    shutil.rmtree(path) if path.is_dir() else path.unlink()
    with pytest.raises((ValueError, FileNotFoundError), match="stranger"):
        rstg_tf.load_model(stranger)


def test_settings_that_build_no_classifier_are_told(stranger):
    def one_class(content):
        content["config"]["num_classes"] = 1

    change_metadata(stranger, one_class)
    with pytest.raises(ValueError, match=r"VideoClassifier must be.*stranger, whose settings"):
        rstg_tf.load_model(stranger)


def test_weights_that_no_file_holds_take_no_memory(tmp_path):
    """Keras would make and fill them, 15 GB of them, before it compares."""
    inputs = tf.keras.Input((4,))
    tf.keras.Model(inputs, tf.keras.layers.Dense(3)(inputs)).save(tmp_path, save_format="tf")

    def larger(content):
        for layer in content["config"].get("layers", [content]):
            if "units" in layer["config"]:
                layer["config"]["units"] = 300_000_000

    for number in (0, 2):
        change_metadata(tmp_path, larger, number)
    with pytest.raises(ValueError, match=r"asks for more weights than its \d+ bytes") as caught:
        load_saved_model(tmp_path)
    assert str(tmp_path) in str(caught.value) and "\n" not in str(caught.value)


def test_a_model_that_a_user_trained_and_saved_loads(tmp_path):
    clips = tf.keras.Input((2, 8, 8, 3), dtype="uint8")
    scaled = tf.keras.layers.Rescaling(1 / 255)(clips)
    frames = tf.keras.layers.TimeDistributed(tf.keras.layers.Conv2D(2, 3))(scaled)
    vector = tf.keras.layers.GlobalAveragePooling3D()(frames)
    logits = tf.keras.layers.Dense(3, kernel_regularizer="l2", activation="relu")(vector)
    model = tf.keras.Model(clips, logits)
    model.compile("adam", "mse", metrics=["mae"])
    model.fit(tf.zeros([2, 2, 8, 8, 3], tf.uint8), tf.zeros([2, 3]), verbose=0)
    model.save(tmp_path / "own", save_format="tf")
    loaded = load_subject(tmp_path / "own").model
    assert loaded(tf.zeros([1, 2, 8, 8, 3], tf.uint8)).shape == [1, 3]


def test_classes_of_plug_ins_are_known_but_no_others(monkeypatch):
    class Mine(tf.keras.layers.Layer):
        """Of a plug-in once it is registered as a backbone."""

    class Lambda(Mine):
        """Its name must not let in that of Keras."""

    for layer in (Mine, Lambda):
        monkeypatch.setitem(tf.keras.utils.get_custom_objects(), f"other>{layer.__name__}", layer)

    def refused():
        with pytest.raises(ValueError) as error:
            metadata_check.check(metadata, "file")
        return str(error.value)

    metadata = saved_metadata_pb2.SavedMetadata()
    node = metadata.nodes.add(identifier="_tf_keras_layer")
    node.metadata = json.dumps({"class_name": "other>Mine", "name": "mine"})
    assert "'other>Mine' in file" in refused()
    monkeypatch.setitem(BACKBONES._entries, "mine", (Mine, {}))
    metadata_check.check(metadata, "file")
    node.metadata = json.dumps({"class_name": "Lambda", "name": "mine"})
    assert "'Lambda' in file" in refused()
