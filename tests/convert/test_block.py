import numpy as np
import oracle
import pytest
from closeness import REFERENCE, assert_close

from rstg_tf import convert

GRAPH_CASES = oracle.cases("graph")


@pytest.mark.parametrize("case", GRAPH_CASES)
def test_block_meets_the_authors_numbers(case):
    info, variables = oracle.info(case), oracle.variables(case)
    expected, inputs = oracle.expected(case), oracle.inputs(case)
    place = info["place"]
    scope = f"whole_graph_model_{place}/"

    block = convert.block_from_reference(info["flags"], variables, place, readout="vec")
    oracle.assert_matches(block(inputs), expected, scope + "final_video_feats")
    assert block.count_params() == sum(np.size(value) for value in variables.values())

    block = convert.block_from_reference(info["flags"], variables, place, readout="map")
    oracle.assert_matches(block(inputs), expected, scope + "remap")


@pytest.mark.parametrize("case", GRAPH_CASES)
def test_intermediate_values_meet_the_authors_numbers(case):
    info, expected, inputs = oracle.info(case), oracle.expected(case), oracle.inputs(case)
    scope = f"whole_graph_model_{info['place']}/"
    block = convert.block_from_reference(info["flags"], oracle.variables(case), info["place"])
    oracle.assert_matches(block.pooling(inputs), expected, scope + "patch_feats")

    nodes = block._nodes(inputs, training=False)
    oracle.assert_matches(nodes, expected, scope + "node_feats")

    stage = block.space_stage
    first = block.time_stage(nodes.numpy().transpose(1, 0, 2, 3))[0]
    messages = stage.message_norm(stage.send([first, first]))
    by_target = np.reshape(messages, [-1, info["num_nodes"], info["num_nodes"], messages.shape[-1]])
    oracle.assert_matches(by_target, expected, scope + "messages_iter0_t0")
    gathered, _ = stage.gather([messages, first, first])
    oracle.assert_matches(gathered, expected, scope + "aggregated_iter0_t0")
    oracle.assert_matches(stage(first)[0], expected, scope + "updated_iter0_t0")


@pytest.mark.parametrize("case", oracle.cases("graph", with_expected=False))
def test_block_meets_the_oracles_rules_where_no_numbers_are_stored(case):
    info, inputs, want = oracle.info(case), oracle.inputs(case), oracle.recomputed(case)
    for head, name in (("vec", "final_video_feats"), ("map", "remap")):
        block = convert.block_from_reference(
            info["flags"], oracle.variables(case), info["place"], readout=head
        )
        assert_close(block(inputs), want[name], REFERENCE, name)


@pytest.mark.parametrize(
    "change, message",
    [
        (lambda flags, _: flags.update(use_att="none"), "use_att"),
        (lambda _, values: values.popitem(), "missing"),
        (lambda flags, _: flags.update(multihead_att=True), "missing"),
        (lambda flags, _: flags.update(num_process_iter=2, update_layers=1), "leave no place"),
        (lambda flags, _: flags.update(node_feat_dim=16), "shape"),
    ],
)
def test_flags_and_variables_must_agree(change, message):
    info, variables = oracle.info("small-G2"), oracle.variables("small-G2")
    change(info["flags"], variables)
    with pytest.raises(ValueError, match=message):
        convert.block_from_reference(info["flags"], variables, info["place"])
