"""The graph that an RSTG block works on: regions of a frame and who neighbours whom.

NumPy only, so that it can be read, printed and drawn where TensorFlow is not installed.
"""

import dataclasses
import functools
from collections.abc import Iterable, Sequence
from fractions import Fraction
from typing import Any

import numpy as np

POSITIONAL_STD = 2.0  # Cells of the positional grid.
POSITIONAL_GRIDS = ("exact", "floor")
MAX_NODES = 1024  # Matrices have as many rows and columns.
Scales = Sequence[int | tuple[int, int]]


def area_weights(in_size: int, out_size: int) -> np.ndarray:
    """Weights that resize one axis by area: each output cell is the mean of what it covers.

    A cell on the border of two output cells counts for each by its covered fraction; sizes need
    not divide each other, and `out_size` may exceed `in_size`.

    Args:
        in_size: cells of the axis, at least 1.
        out_size: cells wanted, at least 1.

    Returns:
        float64 array `[out_size, in_size]`; each row sums to 1.
    """
    scale = in_size / out_size
    low = np.arange(out_size)[:, None] * scale
    cell = np.arange(in_size)[None, :]
    covered = np.minimum(low + scale, cell + 1) - np.maximum(low, cell)
    return np.maximum(covered, 0.0) / scale


@dataclasses.dataclass(frozen=True)
class Region:
    """A rectangle of the frame, its borders as exact fractions of height and width."""

    scale: int
    row: int
    column: int
    top: Fraction
    bottom: Fraction
    left: Fraction
    right: Fraction

    def neighbours(self, other: "Region") -> bool:
        """Whether two rectangles overlap or share a border of positive length."""
        dy = min(self.bottom, other.bottom) - max(self.top, other.top)
        dx = min(self.right, other.right) - max(self.left, other.left)
        return dy >= 0 and dx >= 0 and (dy > 0 or dx > 0)


@dataclasses.dataclass(frozen=True)
class SpaceGraph:
    """Regions at several scales, and the edges between neighbouring ones (paper, section 3.1).

    Nodes are numbered scale by scale as listed, row-major inside a scale. Two different regions
    are neighbours when they overlap or share a border of positive length; touching in a single
    point is no edge, and there are no self-loops. Instances are immutable and hashable.

        >>> graph = SpaceGraph(scales=(3, 2, 1))
        >>> graph.num_nodes, graph.num_edges
        (14, 90)

    Args:
        scales: one grid a scale, each an `int` (square) or a pair `(rows, columns)`.
        dim_map: side `P` of the positional maps, in cells.
        positional_grid: `"exact"` draws a node's positional map over the very part of the grid
            that its region covers; `"floor"` over a square of `P // scale` cells, as the authors'
            released code does. They differ only where `P` is not divisible by the scale.

    Raises:
        ValueError: no scale, a scale or `dim_map` that is not a positive integer, more than
            `MAX_NODES` nodes, or an unknown `positional_grid`.
    """

    scales: Sequence[Any] = (3, 2, 1)
    dim_map: int = 6
    positional_grid: str = "exact"

    def __post_init__(self) -> None:
        """Brings the scales to pairs and checks every value."""
        if isinstance(self.scales, str) or not isinstance(self.scales, Iterable):
            raise ValueError(
                "`scales` must be a sequence of grids, each an int or a pair of ints. "
                f"Received: scales={self.scales!r}"
            )
        scales = tuple(_as_pair(scale, self.scales) for scale in self.scales)
        if not scales:
            raise ValueError(f"`scales` must name at least one grid. Received: {self.scales!r}")
        nodes = sum(rows * columns for rows, columns in scales)
        if nodes > MAX_NODES:
            raise ValueError(
                f"`scales` must make {MAX_NODES} nodes at most. "
                f"Received: scales={self.scales!r}, of {nodes} nodes"
            )
        if not _is_positive_int(self.dim_map):
            raise ValueError(f"`dim_map` must be a positive int. Received: {self.dim_map!r}")
        if self.positional_grid not in POSITIONAL_GRIDS:
            raise ValueError(
                f"`positional_grid` must be one of {POSITIONAL_GRIDS}. "
                f"Received: {self.positional_grid!r}"
            )
        object.__setattr__(self, "scales", scales)
        object.__setattr__(self, "dim_map", int(self.dim_map))

    @functools.cached_property
    def regions(self) -> tuple[Region, ...]:
        """Tuple of `Region`, one a node."""
        return tuple(
            Region(
                scale=index,
                row=row,
                column=column,
                top=Fraction(row, rows),
                bottom=Fraction(row + 1, rows),
                left=Fraction(column, columns),
                right=Fraction(column + 1, columns),
            )
            for index, (rows, columns) in enumerate(self.scales)
            for row in range(rows)
            for column in range(columns)
        )

    @property
    def num_nodes(self) -> int:
        """Number of regions, `N`."""
        return sum(self.scale_sizes)

    @property
    def num_edges(self) -> int:
        """Number of directed edges, `E`."""
        return len(self.edges)

    @property
    def scale_sizes(self) -> tuple[int, ...]:
        """Tuple with the number of nodes of each scale."""
        return tuple(rows * columns for rows, columns in self.scales)

    @functools.cached_property
    def edges(self) -> np.ndarray:
        """Directed edges as an int array `[E, 2]` of (source, target), ordered by target."""
        grids = np.array([self.scales[region.scale] for region in self.regions], np.int64)
        places = np.array([(region.row, region.column) for region in self.regions], np.int64)
        # `Region.neighbours` of all pairs: borders of both have the product of their grids as
        # denominator. [target, source, axis]
        low = places[:, None] * grids[None], places[None] * grids[:, None]
        high = (places[:, None] + 1) * grids[None], (places[None] + 1) * grids[:, None]
        shared = np.minimum(*high) - np.maximum(*low)
        neighbours = (shared >= 0).all(axis=-1) & (shared > 0).any(axis=-1)
        np.fill_diagonal(neighbours, False)
        return _read_only(np.argwhere(neighbours)[:, ::-1].copy())

    @functools.cached_property
    def adjacency(self) -> np.ndarray:
        """Float array `[N, N]`: 1 where row (target) and column (source) are neighbours."""
        adjacency = np.zeros((self.num_nodes, self.num_nodes))
        adjacency[self.edges[:, 1], self.edges[:, 0]] = 1.0
        return _read_only(adjacency)

    @functools.cached_property
    def positional_maps(self) -> np.ndarray:
        """Float array `[N, P * P]`: a Gaussian centred in each node's region, zero outside it."""
        exact = self.positional_grid == "exact"
        maps = []
        for region in self.regions:
            rows, columns = self.scales[region.scale]
            heights = _axis_map(self.dim_map, rows, region.row, exact)
            widths = _axis_map(self.dim_map, columns, region.column, exact)
            maps.append(np.outer(heights, widths).ravel())
        return _read_only(np.array(maps))

    def pool_weights(self, height: int, width: int) -> np.ndarray:
        """Weights `[N, height * width]` that average a map over each region."""
        return np.concatenate(
            [
                np.kron(area_weights(height, rows), area_weights(width, columns))
                for rows, columns in self.scales
            ]
        )

    def spread_weights(self, height: int, width: int) -> np.ndarray:
        """Weights `[height * width, N]` that write nodes back over a map, summed over scales."""
        return np.concatenate(
            [
                np.kron(area_weights(rows, height), area_weights(columns, width))
                for rows, columns in self.scales
            ],
            axis=1,
        )

    def __str__(self) -> str:
        """Scales, nodes and edges in a line, then each node with its region and neighbours."""
        grids = " + ".join(f"{rows}x{columns}" for rows, columns in self.scales)
        lines = [f"SpaceGraph {grids}: {self.num_nodes} nodes, {self.num_edges} directed edges"]
        for node, region in enumerate(self.regions):
            sources = self.edges[self.edges[:, 1] == node, 0].tolist()
            rows, columns = self.scales[region.scale]
            lines.append(
                f"  node {node}: row {region.row}, column {region.column} of {rows}x{columns},"
                f" hears {sources}"
            )
        return "\n".join(lines)

    def plot(self, ax: Any = None, edges: bool = True) -> Any:
        """Draws the regions of each scale side by side, with every edge between them.

        Args:
            ax: matplotlib axes to draw on; a new figure where it is missing.
            edges: whether to draw them; no node hears another in a graph of Time stages alone.

        Returns:
            The axes.
        """
        import matplotlib.pyplot as plt
        from matplotlib.patches import Rectangle

        if ax is None:
            _, ax = plt.subplots(figsize=(3.2 * len(self.scales), 3.6))
        centres = []
        for node, region in enumerate(self.regions):
            left, top = float(region.left) + 1.25 * region.scale, float(region.top)
            width, height = float(region.right - region.left), float(region.bottom - region.top)
            colour = f"C{region.scale}"
            ax.add_patch(
                Rectangle((left, top), width, height, fc=colour, ec="white", lw=2, alpha=0.35)
            )
            centres.append((left + width / 2, top + height / 2))
            ax.annotate(str(node), centres[-1], ha="center", va="center", zorder=3)
        # Both directions of an edge share one line; a curve keeps it off the nodes in between.
        for source, target in self.edges if edges else ():
            if source < target:
                same_scale = self.regions[source].scale == self.regions[target].scale
                ax.annotate(
                    "",
                    centres[source],
                    centres[target],
                    arrowprops={
                        "arrowstyle": "-",
                        "alpha": 0.35,
                        "connectionstyle": f"arc3,rad={0.0 if same_scale else 0.15}",
                    },
                )
        ax.set_xlim(-0.05, 1.25 * len(self.scales) - 0.2)
        ax.set_ylim(1.05, -0.05)
        ax.set_aspect("equal")
        ax.set_axis_off()
        title = str(self).splitlines()[0]
        ax.set_title(title if edges else title.rpartition(",")[0])
        return ax


def _axis_map(dim_map, cells, index, exact):
    """One axis of a positional map: a Gaussian over the cells that the region covers."""
    side = dim_map / cells if exact else dim_map // cells
    low, high = index * side, (index + 1) * side
    cell = np.arange(dim_map)
    covered = np.clip(np.minimum(high, cell + 1) - np.maximum(low, cell), 0.0, None)
    distance = cell + 0.5 - (low + high) / 2
    return covered * np.exp(-(distance**2) / (2 * POSITIONAL_STD**2))


def _is_positive_int(value):
    integral = isinstance(value, (int, np.integer)) and not isinstance(value, bool)
    return integral and value >= 1


def _as_pair(scale, scales):
    pair = tuple(scale) if isinstance(scale, (tuple, list)) else (scale, scale)
    if len(pair) != 2 or not all(_is_positive_int(side) for side in pair):
        raise ValueError(
            "each of `scales` must be a positive int or a pair (rows, columns) of positive ints. "
            f"Received: {scale!r} in scales={scales!r}"
        )
    return int(pair[0]), int(pair[1])


def _read_only(array):
    array.setflags(write=False)
    return array
