"""The part of the authors' numbers that every clone holds is theirs, and stays small."""

import numpy as np
import oracle
import pytest
import yaml
from tf1_checkpoint import write_checkpoint

from rstg_tf import convert


def test_is_small():
    files = [path for path in oracle.SMALL_FOLDER.rglob("*") if path.is_file()]
    assert {path.suffix for path in files} == {".json", ".npz", ".yaml"}
    assert sum(path.stat().st_size for path in files) < 500_000


@pytest.mark.parametrize("case", oracle.SMALL)
def test_weights_inputs_and_flags_are_those_of_the_whole_oracle(case):
    whole = oracle.SMALL[case]
    ours, theirs = oracle.variables(case), oracle.variables(whole)
    assert ours.keys() == theirs.keys()
    for name, value in theirs.items():
        np.testing.assert_array_equal(ours[name], value, name, strict=True)
    np.testing.assert_array_equal(oracle.inputs(case), oracle.inputs(whole), strict=True)
    ours, theirs = oracle.info(case), oracle.info(whole)
    assert ours["flags"].items() <= theirs["flags"].items()
    for name in ("kind", "place", "num_nodes"):
        assert ours[name] == theirs[name]
    assert ours["parameters"]["trainable"] == theirs["parameters"]["trainable"]


@pytest.mark.parametrize("case", oracle.SMALL)
def test_outputs_are_a_part_of_those_of_the_whole_oracle(case):
    ours, theirs = oracle.expected(case), oracle.expected(oracle.SMALL[case])
    names = [name for name in ours.files if "@" not in name]
    assert len(names) >= 3
    for name in names:
        np.testing.assert_array_equal(ours[f"{name}@shape"], theirs[f"{name}@shape"])
        step, rest = divmod(ours[f"{name}@stride"], theirs[f"{name}@stride"])
        assert rest == 0
        part = theirs[name].reshape(-1)[::step] if step > 1 else theirs[name]
        np.testing.assert_array_equal(ours[name], part, name, strict=True)


def one_iteration_less(flags, variables):
    flags["num_process_iter"] -= 1


def transposed_kernel(flags, variables):
    name = "tower/whole_graph_model_final/send_messages_mlp/send_conv2/kernel"
    variables[name] = np.swapaxes(variables[name], -1, -2)


def mirrored_kernel(flags, variables):
    variables["tower/conv1/conv2d/kernel"] = variables["tower/conv1/conv2d/kernel"][:, ::-1]


def missing_term(flags, variables):
    """Messages that do not know whom they go to."""
    name = "tower/whole_graph_model_final/send_messages_mlp/send_conv1/kernel"
    variables[name][:, :, variables[name].shape[2] // 2 :] = 0


def scale_too_large_by_a_thousandth(flags, variables):
    name = next(name for name in variables if name.endswith("update_conv2_type1/kernel"))
    variables[name] *= 1.001


def logits_too_large_by_a_thousandth(flags, variables):
    variables["tower/pred/kernel"] *= 1.001


def gates_in_keras_order(flags, variables):
    name = next(n for n in variables if "time_update_extern" in n and n.endswith("kernel"))
    one, two, three, four = np.split(variables[name], 4, axis=1)
    variables[name] = np.concatenate([one, three, two, four], axis=1)


ERRORS = [
    ("small-G2", one_iteration_less),
    ("small-G2", transposed_kernel),
    ("small-G2", missing_term),
    ("small-G2", gates_in_keras_order),
    ("small-G2", scale_too_large_by_a_thousandth),
    ("small-M1", one_iteration_less),
    ("small-M1", mirrored_kernel),
    ("small-M1", logits_too_large_by_a_thousandth),
]


def output_of(case, flags, variables, tmp_path):
    """Name and model of the last output that is stored of a case."""
    if oracle.info(case)["kind"] == "graph":
        block = convert.block_from_reference(flags, variables, "final", readout="vec")
        return "whole_graph_model_final/final_video_feats", block
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(flags))
    checkpoint = write_checkpoint(tmp_path / "model_1.ckpt", variables)
    return "logits", convert.from_tf1_checkpoint(tmp_path / "config.yaml", checkpoint)


@pytest.mark.parametrize("case, error", ERRORS)
def test_real_errors_are_found(case, error, tmp_path):
    flags, variables = oracle.info(case)["flags"], oracle.variables(case)
    error(flags, variables)
    name, model = output_of(case, flags, variables, tmp_path)
    with pytest.raises(AssertionError, match="values are off"):
        oracle.assert_matches(model(oracle.inputs(case)), oracle.expected(case), name)


@pytest.mark.parametrize("case", oracle.SMALL)
def test_wrong_frames_and_epsilons_are_found(case, tmp_path):
    inputs, expected = oracle.inputs(case), oracle.expected(case)
    flags, variables = oracle.info(case)["flags"], oracle.variables(case)
    name, model = output_of(case, flags, variables, tmp_path)
    oracle.assert_matches(model(inputs), expected, name)
    with pytest.raises(AssertionError, match="values are off"):
        oracle.assert_matches(model(np.roll(inputs, 1, axis=1)), expected, name)
    network = oracle.info(case)["kind"] == "full"
    block = model.classifier.block if network else model
    maps = model.classifier.backbone(inputs) if network else inputs
    for layer in block.submodules:
        if hasattr(layer, "epsilon"):
            layer.epsilon = {1e-12: 1e-3, 1e-3: 1e-5}[layer.epsilon]
    # A network's logits hardly move by it, and so its nodes are compared, too.
    with pytest.raises(AssertionError, match="values are off"):
        nodes = block._nodes(maps, training=False)
        oracle.assert_matches(nodes, expected, "whole_graph_model_final/node_feats")
