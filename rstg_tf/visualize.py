"""Pictures of clips, and of what the graph does with them."""

import functools
import io
import unicodedata
import warnings

import numpy as np

from rstg_tf.text import printable

_LONGEST_TEXT = 80
# Joiners and choices of a letter's form: without them it is drawn in another form.
_UNDRAWN = {0x200C: None, 0x200D: None} | {code: None for code in range(0xFE00, 0xFE10)}
# Fonts whose codes do not stand for the characters, or whose glyphs are boxes.
_NO_TEXT_FONTS = ("Last Resort", "STIXNonUnicode", "STIXSize", "cm")
_NODE_SHIFT = 0.035  # Of the frame, per scale: keeps nodes with the same centre apart.


def draw_attention(clip, attention, graph, iteration=-1, frames=6, strongest=12, title=None):
    """Draws a film strip with arrows from regions attended to, to those that attend to them.

    An arrow's width is how much more its target attends to its source than to its neighbours on
    average; only the strongest ones of each frame are drawn. Colours are those of the scale of
    the source.

    Args:
        clip: uint8 `[T, H, W, C]`, C 1 or 3.
        attention: float `[S, K, E]`, weights of each edge at S time steps of the block, which
            may be fewer than the T frames; see `VideoClassifier.attention`.
        graph: the `SpaceGraph` of the block.
        iteration: which of the K iterations to draw.
        frames: how many frames to show, evenly over the clip.
        strongest: how many edges of a frame to draw.
        title: text above the strip.

    Returns:
        A `matplotlib.figure.Figure`; `figure.savefig("strip.png")` writes it.

    Raises:
        ValueError: `clip` or `attention` has another shape.
    """
    from matplotlib.figure import Figure

    clip, attention = np.asarray(clip), np.asarray(attention)
    if clip.ndim != 4 or clip.shape[-1] not in (1, 3):
        raise ValueError(f"A clip is [T, H, W, 1 or 3]. Received: shape {clip.shape}")
    if attention.ndim != 3 or attention.shape[-1] != graph.num_edges:
        raise ValueError(
            f"Attention of this graph is [S, K, {graph.num_edges}]. "
            f"Received: shape {attention.shape}"
        )
    shown = _evenly(len(clip), frames)
    figure = Figure(figsize=(2.6 * len(shown), 3.4), layout="constrained")
    axes = figure.subplots(1, len(shown), squeeze=False)[0]
    for frame, ax in zip(shown, axes, strict=True):
        step = frame * len(attention) // len(clip)
        _draw_frame(ax, clip[frame], graph, edge_lift(attention[step, iteration], graph), strongest)
        ax.set_title(f"frame {frame + 1}", fontsize=9)
    if title:
        (title,), properties = text_as_it_is([title])
        figure.suptitle(title, fontsize=10, **properties)
    _add_legend(figure, graph)
    return figure


def draw_strips(clips, titles, frames=6):
    """Draws clips as film strips, one below the other.

    Args:
        clips: sequence of uint8 `[T, H, W, C]`, C 1 or 3; at least one.
        titles: text above each of them.
        frames: how many frames to show of each, evenly over the clip.

    Returns:
        A `matplotlib.figure.Figure`.

    Raises:
        ValueError: no clip, another number of titles, or a clip of another shape.
    """
    from matplotlib.figure import Figure

    if not len(clips) or len(clips) != len(titles):
        raise ValueError(
            f"There must be clips, each with a title. Received: {len(clips)} clips, "
            f"{len(titles)} titles"
        )
    columns = max(len(_evenly(len(clip), frames)) for clip in clips)
    figure = Figure(figsize=(1.6 * columns, 2.0 * len(clips)), layout="constrained")
    strips = np.atleast_1d(figure.subfigures(len(clips)))
    titles, properties = text_as_it_is(titles)
    for strip, clip, title in zip(strips, clips, titles, strict=True):
        clip = np.asarray(clip)
        if clip.ndim != 4 or clip.shape[-1] not in (1, 3):
            raise ValueError(f"A clip is [T, H, W, 1 or 3]. Received: shape {clip.shape}")
        strip.suptitle(title, fontsize=9, **properties)
        axes = strip.subplots(1, columns, squeeze=False)[0]
        for ax in axes:
            ax.set_axis_off()
        for frame, ax in zip(_evenly(len(clip), frames), axes, strict=False):
            ax.imshow(clip[frame], cmap="gray", vmin=0, vmax=255)
    return figure


def text_as_it_is(texts):
    """Prepares the text of others, as names of classes, to be drawn by matplotlib.

    `$` and backslashes are no mathematics, and for scripts that the usual font lacks one that is
    installed is added. What no font has, and what can't be seen, is escaped, with one warning;
    what is longer than 80 characters is cut.

    Args:
        texts: sequence of str.

    Returns:
        `(texts, properties)`: a list of what to draw, and the properties to draw it with, as in
        `ax.set_title(text, **properties)`.
    """
    texts = [printable(text).translate(_UNDRAWN) for text in texts]
    texts = [unicodedata.normalize("NFC", text) for text in texts]
    families, missing = _fonts("".join(sorted(set("".join(texts)) - {" ", "\xa0"})))
    if missing:
        escaped = {ord(one): one.encode("unicode_escape").decode() for one in missing}
        texts = [text.translate(escaped) for text in texts]
        warnings.warn(
            f"No font that is installed has {', '.join(missing[:8])}"
            f"{', ...' if len(missing) > 8 else ''} ({len(missing)} in all): they are escaped in "
            "the picture. A font for that script, as one of Noto, lets matplotlib draw them",
            stacklevel=2,
        )
    texts = [f"{t[: _LONGEST_TEXT - 1]}…" if len(t) > _LONGEST_TEXT else t for t in texts]
    return texts, {"parse_math": False, "usetex": False, "fontfamily": list(families)}


@functools.lru_cache(maxsize=256)
def draw_line(text, height):
    """Draws a line of text, as `text_as_it_is` shows it.

    Args:
        text: str.
        height: of the line, in pixels.

    Returns:
        float32 `[height, W]`: how much of each pixel is covered, from 0 to 1.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    (text,), properties = text_as_it_is([text])
    figure = Figure(figsize=((len(text) + 2) * height / 72, height / 72), dpi=72)
    figure.text(0, 0.27, text, fontsize=0.72 * height, **properties)
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    covered = 1 - np.asarray(canvas.buffer_rgba())[..., 0] / np.float32(255)
    drawn = np.flatnonzero(covered.any(axis=0))
    return covered[:height, : drawn[-1] + 1 if len(drawn) else 0]


def write_line(image, text, left, top, height, colour):
    """Writes a line of text over an image; what goes beyond its edges is cut off.

    Args:
        image: uint8 `[H, W, 3]`, which is changed.
        text: str.
        left: pixels.
        top: pixels.
        height: of the line, in pixels.
        colour: `(r, g, b)`.
    """
    part = image[top : top + height, left:]
    covered = draw_line(text, height)[: part.shape[0], : part.shape[1], None]
    part = part[:, : covered.shape[1]]
    part[:] = np.round(part * (1 - covered) + covered * np.array(colour, np.float32))


def save_png(figure, path, dpi=80):
    """Saves a chart as PNG with a palette of 256 colours, a third of the bytes.

    Args:
        figure: a `matplotlib.figure.Figure`.
        path: where to write it, a path or a binary file.
        dpi: pixels per inch.
    """
    from PIL import Image

    picture = io.BytesIO()
    figure.savefig(picture, format="png", dpi=dpi)
    picture = Image.open(picture).convert("RGB")
    # Median cut, the default, takes shades that few pixels have for others: scales turn grey.
    picture = picture.quantize(256, Image.Quantize.MAXCOVERAGE)
    picture.save(path, "PNG", optimize=True)


def edge_lift(attention, graph):
    """How much more a target attends to each source than to its neighbours on average.

    Both it and the attention are float `[E]`, a number for each edge of the `SpaceGraph`.
    """
    neighbours = np.bincount(graph.edges[:, 1], minlength=graph.num_nodes)
    return attention * neighbours[graph.edges[:, 1]]


def node_places(graph):
    """Where to draw nodes: centres of their regions, shifted so that no two scales share one.

    float `[N, 2]` of (x, y), as parts of width and height.
    """
    return np.array(
        [[(one.left + one.right) / 2, (one.top + one.bottom) / 2] for one in graph.regions], float
    ) + _NODE_SHIFT * np.array([[region.scale] for region in graph.regions])


def _evenly(length, count):
    """Numbers of at most `count` frames, evenly over a clip, among them the first and the last."""
    return np.unique(np.linspace(0, length - 1, min(count, length)).round().astype(int))


def _draw_frame(ax, frame, graph, lift, strongest):
    """Draws one frame, its regions, and the edges with the highest `lift` `[E]`."""
    from matplotlib.patches import Rectangle

    ax.imshow(frame, cmap="gray", vmin=0, vmax=255, extent=(0, 1, 1, 0), alpha=0.75)
    ax.set_axis_off()
    places = node_places(graph)
    scales = np.array([region.scale for region in graph.regions])
    for region in graph.regions:
        left, top = float(region.left), float(region.top)
        size = float(region.right) - left, float(region.bottom) - top
        line = {"fill": False, "ec": f"C{region.scale}", "lw": 0.6, "alpha": 0.6}
        ax.add_patch(Rectangle((left, top), *size, **line))
    ax.scatter(*places.T, c=[f"C{scale}" for scale in scales], s=14, ec="white", lw=0.5, zorder=3)
    for edge in np.argsort(lift)[::-1][:strongest]:
        source, target = graph.edges[edge]
        ax.annotate(
            "",
            xy=places[target],
            xytext=places[source],
            arrowprops={
                "arrowstyle": "-|>",
                "mutation_scale": 8,
                "color": f"C{scales[source]}",
                "linewidth": min(0.8 * lift[edge], 4.0),
                "alpha": 0.9,
                "shrinkA": 2,
                "shrinkB": 2,
                "connectionstyle": "arc3,rad=0.12",
            },
        )


def _add_legend(figure, graph):
    from matplotlib.lines import Line2D

    figure.legend(
        handles=[
            Line2D([], [], color=f"C{scale}", marker="o", label=f"from a region of {h}×{w}")
            for scale, (h, w) in enumerate(graph.scales)
        ],
        loc="outside lower center",
        ncols=len(graph.scales),
        frameon=False,
        fontsize=8,
    )


@functools.lru_cache(maxsize=64)
def _fonts(characters):
    """Returns `(families, missing)`: fonts to draw characters with, and those that none has."""
    from matplotlib import rcParams
    from matplotlib.font_manager import FontProperties, findfont, fontManager

    families = list(rcParams["font.family"])
    missing = set(characters) - _characters_of(findfont(FontProperties(family=families)))
    upright = {
        font.name: font.fname
        for font in fontManager.ttflist
        if font.style == "normal" and font.weight in (400, "normal", "regular")
    }
    for family in sorted(upright) if missing else ():
        found = missing & _characters_of(upright[family])
        if found and not family.startswith(_NO_TEXT_FONTS):
            families.append(family)
            missing -= found
    return tuple(families), sorted(missing)


@functools.cache
def _characters_of(font):
    """Returns the characters that a font file has."""
    from matplotlib.ft2font import FT2Font

    try:
        font = FT2Font(font)
        return frozenset(map(chr, font.get_charmap())) if font.scalable else frozenset()
    except (OSError, RuntimeError, ValueError):  # It was removed since, or is damaged.
        return frozenset()
