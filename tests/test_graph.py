import dataclasses
import fractions

import numpy as np
import pytest
from closeness import FLOAT64, assert_close

from rstg_tf.graph import SpaceGraph, area_weights


def test_default_graph_has_the_papers_nodes_and_edges():
    graph = SpaceGraph()
    assert graph.scales == ((3, 3), (2, 2), (1, 1))
    assert (graph.num_nodes, graph.num_edges) == (14, 90)
    assert graph.scale_sizes == (9, 4, 1)


def test_edges_are_symmetric_without_loops_and_ordered_by_target():
    edges = SpaceGraph(((2, 3), 4, (1, 5))).edges
    pairs = {tuple(edge) for edge in edges.tolist()}
    assert len(pairs) == len(edges)
    assert {(target, source) for source, target in pairs} == pairs
    assert all(source != target for source, target in pairs)
    assert edges[:, 1].tolist() == sorted(edges[:, 1].tolist())


def test_a_single_common_point_is_no_edge():
    grid = SpaceGraph((2,))  # Nodes 0 and 3 touch in the centre of the frame only.
    assert {tuple(edge) for edge in grid.edges.tolist()} == {
        (0, 1), (1, 0), (0, 2), (2, 0), (1, 3), (3, 1), (2, 3), (3, 2)
    }  # fmt: skip


def test_a_single_region_has_no_edge():
    assert SpaceGraph((1,)).edges.shape == (0, 2)


@pytest.mark.parametrize("in_size, out_size", [(14, 3), (3, 14), (1, 4), (6, 6), (5, 2)])
def test_area_weights_are_means(in_size, out_size):
    weights = area_weights(in_size, out_size)
    assert weights.shape == (out_size, in_size)
    assert_close(weights.sum(axis=1), 1.0, FLOAT64)
    assert_close(weights.sum(axis=0), out_size / in_size, FLOAT64)
    assert (weights >= 0).all()


def test_a_cell_on_a_border_counts_by_its_covered_fraction():
    assert_close(
        area_weights(4, 3), np.array([[3, 1, 0, 0], [0, 2, 2, 0], [0, 0, 1, 3]]) / 4, FLOAT64
    )


def test_pool_and_spread_weights():
    graph = SpaceGraph((3, (1, 2)))
    pooled = graph.pool_weights(7, 5) @ np.ones(35)
    assert_close(pooled, 1.0, FLOAT64)
    spread = graph.spread_weights(7, 5) @ np.ones(graph.num_nodes)
    assert_close(spread, 2.0, FLOAT64)  # One for each scale.
    left = graph.spread_weights(7, 4) @ np.eye(graph.num_nodes)[9]
    assert_close(left.reshape(7, 4), [[1, 1, 0, 0]] * 7, FLOAT64)


@pytest.mark.parametrize("dim_map", [6, 7, 2])
def test_positional_maps_are_centred_in_their_regions(dim_map):
    graph = SpaceGraph((3, (2, 4), 1), dim_map=dim_map)
    cells = np.arange(dim_map) + 0.5
    for region, flat in zip(graph.regions, graph.positional_maps, strict=True):
        heat = flat.reshape(dim_map, dim_map)
        rows, columns = heat.sum(1), heat.sum(0)
        low, high = float(region.top) * dim_map, float(region.bottom) * dim_map
        assert low - 0.5 <= (rows @ cells) / rows.sum() <= high + 0.5
        low, high = float(region.left) * dim_map, float(region.right) * dim_map
        assert low - 0.5 <= (columns @ cells) / columns.sum() <= high + 0.5


def test_positional_maps_tell_all_places_and_scales_apart():
    maps = SpaceGraph((3, 2, 1)).positional_maps
    assert len({tuple(row) for row in maps.round(6)}) == 14


def test_floor_grid_leaves_the_rest_of_the_map_zero():
    maps = SpaceGraph((3,), dim_map=7, positional_grid="floor").positional_maps.reshape(9, 7, 7)
    assert (maps[:, 6] == 0).all() and (maps[:, :, 6] == 0).all()
    assert (maps[8, 4:6, 4:6] > 0).all()


def test_graph_is_immutable_hashable_and_comparable():
    graph = SpaceGraph([3, (2, 2), 1])
    assert graph == SpaceGraph() and hash(graph) == hash(SpaceGraph())
    assert graph != SpaceGraph((3, 2))
    with pytest.raises(dataclasses.FrozenInstanceError):
        graph.scales = (1,)
    with pytest.raises(ValueError, match="read-only"):
        graph.edges[0, 0] = 3
    assert graph.regions[1].left == fractions.Fraction(1, 3)


def test_prints_and_draws():
    graph = SpaceGraph((2, 1))
    assert str(graph).splitlines()[0] == "SpaceGraph 2x2 + 1x1: 5 nodes, 16 directed edges"
    assert "node 0: row 0, column 0 of 2x2, hears [1, 2, 4]" in str(graph)
    import matplotlib

    matplotlib.use("Agg")
    axes = graph.plot()
    assert len(axes.patches) == graph.num_nodes
    labels = [text.get_text() for text in axes.texts]
    assert labels.count("") == graph.num_edges // 2


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"scales": (3, 0)}, r"positive int.*Received: 0"),
        ({"scales": ((2, -1),)}, r"Received: \(2, -1\)"),
        ({"scales": ((1, 2, 3),)}, "pair"),
        ({"scales": (2.0,)}, r"Received: 2\.0"),
        ({"scales": ()}, "at least one"),
        ({"scales": 3}, "sequence"),
        ({"dim_map": 0}, "dim_map"),
        ({"positional_grid": "round"}, "positional_grid"),
    ],
)
def test_wrong_arguments_are_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        SpaceGraph(**arguments)
