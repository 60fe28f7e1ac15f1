import io

import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image

from rstg_tf.graph import SpaceGraph
from rstg_tf.visualize import draw_attention, draw_strips, save_png

GRAPH = SpaceGraph((2, 1))


def uniform(steps, iterations=2):
    return np.full((steps, iterations, GRAPH.num_edges), 0.1)


def arrows(ax):
    return [(tuple(text.xyann), tuple(text.xy)) for text in ax.texts]


def test_each_frame_shows_the_edge_that_is_listened_to_at_that_time():
    clip = np.zeros((8, 6, 6, 3), np.uint8)
    attention = uniform(4)  # Half as many steps as frames.
    loudest = [0, 5, 2, 7]
    attention[np.arange(4), -1, loudest] = 0.9
    axes = draw_attention(clip, attention, GRAPH, frames=8, strongest=1).axes
    assert len(axes) == 8
    everywhere = draw_attention(clip, uniform(4), GRAPH, frames=1, strongest=99).axes[0]
    assert len(set(arrows(everywhere))) == GRAPH.num_edges
    for frame, ax in enumerate(axes):
        assert len(arrows(ax)) == 1
        (tail, head), (source, target) = arrows(ax)[0], GRAPH.edges[loudest[frame // 2]]
        for place, node in ((tail, source), (head, target)):
            region = GRAPH.regions[node]
            assert region.left < place[0] < region.right
            assert region.top < place[1] < region.bottom


def test_grey_and_short_clips_are_drawn_to_a_file(tmp_path):
    clip = np.zeros((2, 6, 6, 1), np.uint8)
    figure = draw_attention(clip, uniform(2), GRAPH, frames=6, title="two frames")
    assert len(figure.axes) == 2
    figure.savefig(tmp_path / "strip.png")
    assert (tmp_path / "strip.png").stat().st_size > 1000


@pytest.mark.parametrize(
    ("clip", "attention"),
    [((2, 6, 6), (2, 1, 8)), ((2, 6, 6, 2), (2, 1, 8)), ((2, 6, 6, 3), (2, 1, 9))],
)
def test_other_shapes_are_refused(clip, attention):
    with pytest.raises(ValueError, match="Received: shape"):
        draw_attention(np.zeros(clip, np.uint8), np.zeros(attention), GRAPH)


def test_each_clip_has_its_strip_with_first_and_last_frame():
    clips = [
        np.full((length, 6, 6, 1), np.arange(length).reshape(-1, 1, 1, 1)) for length in (9, 2)
    ]
    strips = draw_strips(clips, ["long", "short"], frames=3).subfigs
    shown = [[ax.images[0].get_array().flat[0] for ax in s.axes if ax.images] for s in strips]
    assert shown == [[0, 4, 8], [0, 1]]
    with pytest.raises(ValueError, match="Received: 2 clips, 1 titles"):
        draw_strips(clips, ["long"])


def test_a_palette_keeps_the_shades_that_few_pixels_have():
    figure = Figure(figsize=(4, 4))
    ax = figure.add_axes((0, 0, 1, 1))
    ax.set_axis_off()
    shades = np.zeros((40, 40))
    shades[20, :20] = np.linspace(0, 1, 20)
    ax.imshow(shades, cmap="Blues", aspect="auto")
    pictures = [io.BytesIO(), io.BytesIO()]
    figure.savefig(pictures[0], format="png", dpi=80)
    save_png(figure, pictures[1], dpi=80)
    exact, palette = (np.int64(Image.open(picture).convert("RGB")) for picture in pictures)
    assert np.abs(exact - palette).max() <= 4
