import numpy as np
import oracle
import pytest
import tensorflow as tf
import yaml
from closeness import NETWORK, REFERENCE, assert_close
from tf1_checkpoint import write_checkpoint

from rstg_tf import convert
from rstg_tf.backbones import C2D_KERNELS, VideoResNet
from rstg_tf.convert.checkpoint import canonical_lstm, read_checkpoint
from rstg_tf.convert.flags import read_flags
from rstg_tf.convert.network import plan_backbone

SMALL = ("small-M1", "M1", "M1_pixel")
IN_EVERY_RUN = (*SMALL, "M9", "missing")  # One of full size: I3D with RSTG at res3.
LSTM = "tower/whole_graph_model_final/cudnn_lstm/"
CELL = LSTM + "rnn/multi_rnn_cell/cell_0/cudnn_compatible_lstm_cell/"


def config_of(case):
    return oracle.folder_of(case) / "config.yaml"


def often_or_slow(names):
    slow = pytest.mark.slow
    return [name if name in IN_EVERY_RUN else pytest.param(name, marks=slow) for name in names]


@pytest.mark.parametrize("case", often_or_slow(oracle.cases("full")))
def test_network_meets_the_authors_logits(case, tmp_path):
    checkpoint = write_checkpoint(tmp_path / "model_1.ckpt", oracle.variables(case))
    network = convert.from_tf1_checkpoint(config_of(case), checkpoint)
    logits, expected = network(oracle.inputs(case), training=False), oracle.expected(case)["logits"]
    assert_close(logits, expected, REFERENCE if case in SMALL else NETWORK)
    trainable = sum(int(tf.size(weight)) for weight in network.trainable_weights)
    assert trainable == oracle.info(case)["parameters"]["trainable"]


def test_pooled_and_first_nodes_of_a_network_meet_the_authors_numbers(tmp_path):
    expected, inputs = oracle.expected("small-M1"), oracle.inputs("small-M1")
    checkpoint = write_checkpoint(tmp_path / "model_1.ckpt", oracle.variables("small-M1"))
    model = convert.from_tf1_checkpoint(config_of("small-M1"), checkpoint).classifier
    maps, scope = model.backbone(inputs), "whole_graph_model_final/"
    oracle.assert_matches(model.block.pooling(maps), expected, scope + "patch_feats")
    nodes = model.block._nodes(maps, training=False)
    oracle.assert_matches(nodes, expected, scope + "node_feats")


@pytest.mark.slow
@pytest.mark.parametrize("case", oracle.cases("full", with_expected=False))
def test_every_variable_of_the_other_cases_finds_its_place(case, tmp_path):
    checkpoint = write_checkpoint(tmp_path / "model_1.ckpt", oracle.variables(case))
    network = convert.from_tf1_checkpoint(config_of(case), checkpoint)
    trainable = sum(int(tf.size(weight)) for weight in network.trainable_weights)
    assert trainable == oracle.info(case)["parameters"]["trainable"]


def test_a_checkpoint_that_tensorflow_1_wrote():
    folder = oracle.folder_of("M1") / "checkpoint"
    network = convert.from_tf1_checkpoint(config_of("M1"), folder / "model_5000.ckpt")
    expected = oracle.expected("M1")["logits"]
    assert_close(network(oracle.inputs("M1"), training=False), expected, REFERENCE)
    assert read_checkpoint(folder).keys() == oracle.variables("M1").keys()


def opaque_of(kernel, bias):
    """cuDNN's form: gates i, f, g, o; all input matrices, all state matrices, two biases."""
    dim = bias.size // 4
    gates = {name: kernel[:, k * dim : (k + 1) * dim] for k, name in enumerate("igfo")}
    parts = [gates[name][:dim].T for name in "ifgo"] + [gates[name][dim:].T for name in "ifgo"]
    biases = {name: bias[k * dim : (k + 1) * dim] for k, name in enumerate("igfo")}
    parts += [0.25 * biases[name] for name in "ifgo"] + [0.75 * biases[name] for name in "ifgo"]
    return np.concatenate([part.reshape(-1) for part in parts]).astype(np.float32)


def test_what_a_training_saves_beside_is_passed_over_and_opaque_lstms_are_unpacked(tmp_path):
    variables = oracle.variables("small-M1")
    kernel, bias = variables.pop(CELL + "kernel"), variables.pop(CELL + "bias")
    variables[LSTM + "opaque_kernel"] = opaque_of(kernel, bias)
    variables[LSTM + "opaque_kernel/Momentum"] = np.zeros(3, np.float32)
    variables["tower/pred/bias/Momentum"] = np.zeros(46, np.float32)
    variables["global_step"] = np.int64(7)
    variables["tower/positional_emb"] = np.zeros([14, 36], np.float32)
    # The last Time stage has both forms, and the canonical one counts.
    variables["tower/whole_graph_model_final/time_update_extern/cudnn_lstm/opaque_kernel"] = (
        np.zeros(8448, np.float32)
    )
    checkpoint = write_checkpoint(tmp_path / "model_1.ckpt", variables)
    network = convert.from_tf1_checkpoint(config_of("small-M1"), checkpoint)
    expected = oracle.expected("small-M1")["logits"]
    assert_close(network(oracle.inputs("small-M1"), training=False), expected, REFERENCE)


def test_opaque_lstm_of_a_wrong_size():
    with pytest.raises(ValueError, match=r"my_lstm must hold 8 D \(D \+ 1\).*Received: 50"):
        canonical_lstm(np.zeros(50), "my_lstm")


def test_what_is_left_on_both_sides_is_listed_and_nothing_is_assigned(tmp_path):
    variables = oracle.variables("small-M1")
    variables["tower/surplus/kernel"] = np.zeros([2, 3], np.float32)
    del variables["tower/pred/bias"]
    checkpoint = write_checkpoint(tmp_path / "model_1.ckpt", variables)
    with pytest.raises(ValueError) as caught:
        convert.from_tf1_checkpoint(config_of("small-M1"), checkpoint)
    assert "missing: tower/pred/bias" in str(caught.value)
    assert "left over: tower/surplus/kernel (2, 3)" in str(caught.value)


def test_bad_configs_and_checkpoints_are_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"Received: .*nowhere.yaml"):
        convert.from_tf1_checkpoint(tmp_path / "nowhere.yaml", "model.ckpt")
    with pytest.raises(FileNotFoundError, match=r"PREFIX.index. Received: .*model.ckpt"):
        convert.from_tf1_checkpoint(config_of("small-M1"), tmp_path / "model.ckpt")
    (tmp_path / "model.ckpt.index").write_bytes(b"no checkpoint at all")
    with pytest.raises(ValueError, match=r"model.ckpt is no readable checkpoint"):
        convert.from_tf1_checkpoint(config_of("small-M1"), tmp_path / "model.ckpt")
    for change, message in (
        ({"backbone_model": "vgg"}, "flag `backbone_model` must be one of"),
        ({"place_graph": "res3-res9"}, "flag `place_graph` must be none, or some of"),
        ({"use_norm": "GN"}, "flag `use_norm` must be one of"),
    ):
        flags = {**yaml.safe_load(config_of("small-M1").read_text()), **change}
        (tmp_path / "config.yaml").write_text(yaml.safe_dump(flags))
        with pytest.raises(ValueError, match=message):
            convert.from_tf1_checkpoint(tmp_path / "config.yaml", "model.ckpt")


def random_values(plan, classes=400):
    """A checkpoint's variables for a backbone, and a classifier for Kinetics beside them."""
    rng = np.random.default_rng(0)
    values = {}
    for step in plan:
        for name in step.names:
            shape = tuple(step.weight.shape)
            shape = (1, 1, 1, *shape) if len(shape) == 2 else shape
            values[name] = rng.uniform(0.5, 1.0, shape).astype(np.float32)
    values["tower/resnet_i3d/pred/kernel"] = np.zeros([1, 1, 1, 64, classes], np.float32)
    return values


def test_a_kinetics_checkpoint_fills_the_backbone_alone(tmp_path):
    options = {"width": 1 / 32, "non_local": ("res3",), "graphs": ("res3",)}
    options["graph_options"] = {"node_dim": 8, "message_dim": 8}
    plain, full = VideoResNet(width=1 / 32), VideoResNet(**options)
    clip = tf.zeros([1, 4, 32, 32, 3])
    plain(clip), full(clip)
    values = random_values(plan_backbone(plain, "tower/resnet_i3d/backbone/"))
    checkpoint = write_checkpoint(tmp_path / "kinetics.ckpt", values)
    graph = [weight.numpy() for weight in full.blocks["res3"].weights]
    convert.load_backbone(full, checkpoint)
    name = "tower/resnet_i3d/backbone/res3_1_branch2a"
    reduce = full.stages["res3"][1].reduce
    np.testing.assert_array_equal(reduce.kernel, values[f"{name}/kernel"])
    norm = reduce.normalization
    np.testing.assert_array_equal(norm.moving_mean, values[f"{name}_bn/moving_mean"])
    for weight, before in zip(full.blocks["res3"].weights, graph, strict=True):
        np.testing.assert_array_equal(weight, before)


def test_a_backbone_of_other_shape_is_refused(tmp_path):
    plain = VideoResNet(width=1 / 32)
    c2d = VideoResNet(width=1 / 32, temporal_kernels=C2D_KERNELS)
    clip = tf.zeros([1, 4, 32, 32, 3])
    plain(clip), c2d(clip)
    values = random_values(plan_backbone(plain, "tower/resnet_i3d/backbone/"))
    checkpoint = write_checkpoint(tmp_path / "kinetics.ckpt", values)
    before = c2d.get_weights()
    with pytest.raises(ValueError, match=r"conv1/kernel must make a weight .*\(1, 7, 7, 3, 2\)"):
        convert.load_backbone(c2d, checkpoint)
    for weight, value in zip(c2d.get_weights(), before, strict=True):
        np.testing.assert_array_equal(weight, value)
    write_checkpoint(tmp_path / "other.ckpt", {"a": np.zeros(2, np.float32)})
    with pytest.raises(ValueError, match="must have one variable"):
        convert.load_backbone(c2d, tmp_path / "other.ckpt")


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("backbone_model: [i3d]", "backbone_model"),
        ("backbone_model: i3d\nnum_classes: many", "num_classes"),
        ("backbone_model: i3d\nnum_classes: true", "num_classes"),
        ("backbone_model: i3d\nnode_feat_dim: -8", "node_feat_dim"),
        ("backbone_model: i3d\nclassification_dropout: .nan", "classification_dropout"),
        ("backbone_model: i3d\nbackbone_model: c2d", "twice"),
        ("backbone_model: &a [*a]", "nested too deep|itself"),
        ("a: &a [x, x, x]\n" + "".join(f"{n}: &{n} [{', '.join([f'*{m}'] * 9)}]\n"
         for m, n in zip("abcdef", "bcdefg", strict=True)), "more than"),
        ("a: !!python/object/apply:os.system [ls]", "no YAML file"),
    ],
)  # fmt: skip
def test_a_damaged_config_of_the_authors_is_told_in_one_line(tmp_path, text, named):
    path = tmp_path / "config.yaml"
    path.write_text(text)
    with pytest.raises(ValueError, match=named) as caught:
        read_flags(path)
    assert "\n" not in str(caught.value)
