"""A video with what the model saw in it drawn over its frames."""

import contextlib
import pathlib

import numpy as np

from rstg_tf.data.videos import VideoLimits, VideoReader
from rstg_tf.files import written_whole
from rstg_tf.visualize import edge_lift, node_places, write_line

# Container and codec.
FORMATS = {
    ".mp4": ("mp4", "libx264"),
    ".mkv": ("matroska", "libx264"),
    ".webm": ("webm", "libvpx-vp9"),
}
_COLOURS = ((31, 119, 180), (255, 127, 14), (44, 160, 44), (214, 39, 40), (148, 103, 189))
_SHORT_SIDE = 360  # Smaller videos are enlarged to it, so that text can be read.
_LONG_SIDE = 8192  # Larger ones are made smaller, as codecs want.
_SLOWEST, _FASTEST = 1 / 1000, 1000  # Frames per second.


def write_annotated(
    prediction,
    output,
    clips,
    graph=None,
    attention=None,
    strongest=8,
    limits=VideoLimits(),  # noqa: B008 - immutable.
):
    """Writes a video again, with the likeliest classes and which regions attend to which.

    Arrows go from the regions attended to, to those that attend to them, see
    `rstg_tf.visualize.draw_attention`; they are those of the last frame before that the model saw.

    Args:
        prediction: a `Prediction`.
        output: file to write, whole or not at all: `.mp4`, `.mkv` or `.webm`.
        clips: the `Clips` that the model takes: it saw the square in the middle.
        graph: the `SpaceGraph` of the block whose attention is drawn.
        attention: float `[S, K, E]` of that block over the clip; None draws the classes only.
        strongest: arrows of a frame.
        limits: `VideoLimits` of the video.

    Raises:
        ValueError: another kind of file, or the video is damaged by now; a `VideoError`.
    """
    import av

    output = pathlib.Path(output)
    if output.suffix.lower() not in FORMATS:
        raise ValueError(
            f"An annotated video ends in one of {', '.join(FORMATS)}. Received: {output}"
        )
    container, codec = FORMATS[output.suffix.lower()]
    lifts = None
    if attention is not None:
        lifts = np.stack([edge_lift(step[-1], graph) for step in attention])
    with written_whole(output) as part, contextlib.ExitStack() as stack:
        rate = _frame_rate(prediction.video, limits)
        reader = VideoReader(prediction.video, limits=limits)
        frames = enumerate(stack.enter_context(reader))
        file = stack.enter_context(av.open(str(part), "w", format=container))
        stream = None
        for number, frame in frames:
            image = _enlarged(frame)
            if stream is None:
                stream = file.add_stream(codec, rate=rate)
                stream.height, stream.width = image.shape[:2]
                stream.pix_fmt = "yuv420p"
            if lifts is not None:
                seen = max(0, np.searchsorted(prediction.numbers, number, side="right") - 1)
                lift = lifts[seen * len(lifts) // len(prediction.numbers)]
                _draw_graph(image, graph, lift, _square(image, clips), strongest)
            _draw_classes(image, prediction.classes)
            file.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        file.mux(stream.encode())


def _frame_rate(video, limits):
    """Frames per second, as a fraction; it is known after the last frame."""
    from fractions import Fraction

    with VideoReader(video, limits=limits) as reader:
        reader.count()
    rate = min(max(reader.frame_rate, _SLOWEST), _FASTEST)
    return Fraction(rate).limit_denominator(1001)


def _enlarged(frame):
    """The frame with sides that are even, as the codecs want, and large enough for text."""
    import cv2

    height, width = frame.shape[:2]
    scale = max(1, _SHORT_SIDE / min(height, width))
    scale = min(scale, _LONG_SIDE / max(height, width))
    height, width = (max(2, 2 * round(side * scale / 2)) for side in (height, width))
    return cv2.resize(frame, (width, height), interpolation=cv2.INTER_LINEAR)


def _square(image, clips):
    """Left, top and side of the part of the image that the model saw."""
    height, width = image.shape[:2]
    side = min(height, width) * clips.size / clips.short_side
    return (width - side) / 2, (height - side) / 2, side


def _draw_graph(image, graph, lift, square, strongest):
    import cv2

    left, top, side = square
    places = np.array([left, top]) + side * node_places(graph)
    for region in graph.regions:
        corners = [
            (round(left + side * float(x)), round(top + side * float(y)))
            for x, y in ((region.left, region.top), (region.right, region.bottom))
        ]
        cv2.rectangle(image, *corners, _colour(region.scale), 1)
    for edge in np.argsort(-lift, kind="stable")[:strongest]:
        source, target = graph.edges[edge]
        cv2.arrowedLine(
            image,
            places[source].round().astype(int).tolist(),
            places[target].round().astype(int).tolist(),
            _colour(graph.regions[source].scale),
            min(6, max(1, round(1.5 * float(lift[edge])))),
            cv2.LINE_AA,
            tipLength=0.12,
        )
    for place, region in zip(places, graph.regions, strict=True):
        cv2.circle(image, place.round().astype(int).tolist(), 4, _colour(region.scale), -1)


def _draw_classes(image, classes):
    """Bars as long as the probabilities, with the names of the classes."""
    import cv2

    scale = min(image.shape[:2]) / 720
    line = max(14, round(34 * scale))
    panel = image[: line * len(classes) + line // 2]
    panel //= 3  # Dark, so that text can be read on it.
    for row, (name, probability) in enumerate(classes):
        top = line // 4 + row * line
        bar = (round(probability * image.shape[1]), top + line - 2)
        cv2.rectangle(image, (0, top), bar, (60, 90, 160), -1)
        text = f"{probability:4.0%} {name}"
        write_line(image, text, line // 3, top, line, (255, 255, 255))


def _colour(scale):
    return _COLOURS[scale % len(_COLOURS)]
