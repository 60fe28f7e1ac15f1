import io

import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image

from rstg_tf.graph import SpaceGraph
from rstg_tf.visualize import (
    draw_attention,
    draw_line,
    draw_strips,
    save_png,
    text_as_it_is,
    write_line,
)

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


ODD_NAMES = (
    "costs $5 to $6",
    r"$\frac",
    "50% & #1 ^_{}~",
    "выше",
    "x" * 300,
    "a\nb",
    "\x1b[2J",
    " ",
)


def test_names_are_drawn_as_they_are(recwarn):
    texts, _ = text_as_it_is(ODD_NAMES)
    assert texts[:4] == list(ODD_NAMES[:4])
    assert len(texts[4]) == 80
    assert texts[5:7] == [r"a\nb", r"\x1b[2J"]
    clip = np.zeros((2, 6, 6, 1), np.uint8)
    figures = [draw_strips([clip] * len(ODD_NAMES), ODD_NAMES)]
    figures += [draw_attention(clip, uniform(2), GRAPH, title=name) for name in ODD_NAMES[:2]]
    for figure in figures:
        save_png(figure, io.BytesIO(), dpi=30)
    (drawn,) = figures[1].findobj(lambda artist: getattr(artist, "get_text", str)() == texts[0])
    assert not drawn.get_parse_math()
    assert draw_line("$x$", 20).shape[1] > 2 * draw_line("x", 20).shape[1]
    assert not recwarn.list


def test_a_font_that_has_the_script_is_found_and_what_none_has_is_escaped():
    from matplotlib.font_manager import FontProperties, findfont
    from matplotlib.ft2font import FT2Font

    here, other = (
        set(FT2Font(findfont(FontProperties(family=name))).get_charmap())
        for name in ("DejaVu Sans", "STIXGeneral")
    )
    character = chr(max(other - here))
    (text,), properties = text_as_it_is([f"push {character}"])
    assert text == f"push {character}"
    assert len(properties["fontfamily"]) > 1
    assert draw_line(character, 20).any()
    with pytest.warns(UserWarning, match=r"No font that is installed has \U00013000 \(1 in all\)"):
        assert text_as_it_is(["a\U00013000"])[0] == [r"a\U00013000"]


def test_a_line_of_text_over_an_image_ends_at_its_edges():
    image = np.zeros((20, 40, 3), np.uint8)
    write_line(image, "a long line of text $1 to $2", 30, 10, 16, (255, 0, 0))
    assert image[10:, 30:, 0].max() > 200
    assert not image[:10].any()
    assert not image[:, :30].any()
    assert not image[..., 1:].any()
