"""The command that tells what a model sees in videos: predict."""

import itertools
import json
import pathlib
import sys
import textwrap

from rstg_tf.cli.options import share
from rstg_tf.cli.parser import add_command


def add_commands(group):
    """Adds the command to the group."""
    parser = add_command(group, "predict", predict)
    share(parser, "model")
    parser.add_argument("videos", nargs="+", metavar="VIDEO", help="files, folders, patterns")
    parser.add_argument("--top", type=int, default=5, help="classes to show (default: 5)")
    parser.add_argument(
        "--format", choices=("table", "json"), default="table", help="table, or a JSON line a video"
    )
    parser.add_argument(
        "--annotate", metavar="FOLDER", help="also write each video there, as .mp4, drawn over"
    )
    share(parser, "--frames", "--size", "--short-side", "--limit", "--zoo")


def predict(arguments):
    """Prints what a model sees in video files.

    rstg predict model_zoo/interactions_rstg pushing.webm 'clips/*.mp4' a_folder
    rstg predict interactions_rstg a_folder --format=json --annotate=annotated
    """
    from rstg_tf.data.videos import VideoError, VideoLimits
    from rstg_tf.data.videos.file_names import left_out
    from rstg_tf.prediction import Predictor, find_videos, write_annotated
    from rstg_tf.text import printable

    limits = VideoLimits.of(arguments.limit)
    others = []
    videos = find_videos(arguments.videos, others, but=arguments.annotate)
    annotated = annotated_paths(arguments.annotate, videos) if arguments.annotate else {}
    predictor = Predictor(
        arguments.model,
        frames=arguments.frames,
        size=arguments.size,
        short_side=arguments.short_side,
        top=arguments.top,
        limits=limits,
        zoo=arguments.zoo,
    )
    if others:
        print("note:", left_out(map(str, others)), file=sys.stderr)
    show = _print_json if arguments.format == "json" else _print_table
    failed = 0
    for video in videos:
        try:
            prediction = predictor(video)
            show(prediction)
            if annotated:
                attention = predictor.attention(prediction.clip)
                write_annotated(
                    prediction,
                    annotated[video],
                    predictor.clips,
                    graph=None if attention is None else predictor.model.block.graph,
                    attention=attention,
                    limits=limits,
                )
        except VideoError as error:
            print("error:", printable(error), file=sys.stderr)
            failed += 1
    if failed:
        print(f"{failed} of {len(videos)} videos could not be read", file=sys.stderr)
    return 2 if failed else 0


def annotated_paths(folder, videos):
    """A file of its own for every video, also for those of the same name in other folders."""
    paths, taken = {}, set()
    for video in videos:
        names = itertools.chain([video.stem], (f"{video.stem}-{n}" for n in itertools.count(1)))
        path = next(p for name in names if (p := pathlib.Path(folder) / f"{name}.mp4") not in taken)
        taken.add(path)
        paths[video] = path
    videos = {video.resolve() for video in videos}
    replaced = [str(path) for path in taken if path.resolve() in videos]
    if replaced:
        raise ValueError(
            "Annotated videos must not replace those that they are made of; --annotate needs "
            f"another folder. Received: {folder}, which holds {', '.join(sorted(replaced))}"
        )
    return paths


def _print_table(prediction):
    from rstg_tf.text import printable

    print(f"{printable(prediction.video)} ({prediction.count} frames)")
    print(textwrap.indent(str(prediction), "  "))


def _print_json(prediction):
    from rstg_tf.data.videos.file_names import in_unicode

    classes = [{"class": name, "probability": value} for name, value in prediction.classes]
    video = in_unicode(str(prediction.video))
    print(json.dumps({"video": video, "frames": prediction.count, "classes": classes}), flush=True)
