"""Commands of serving: export, serve-client."""

import os
import pathlib
import sys

from rstg_tf.cli.options import share
from rstg_tf.cli.parser import add_command


def add_commands(group):
    """Adds the commands to the group."""
    parser = add_command(group, "export", export)
    share(parser, "model")
    share(
        parser,
        "--output",
        default="exports/models",
        help="folder of models (default: exports/models)",
    )
    parser.add_argument(
        "--format",
        choices=("serving", "tflite", "onnx"),
        default="serving",
        help="default: serving",
    )
    parser.add_argument("--version", type=int, help="number of the version (default: the next)")
    parser.add_argument(
        "--keep", type=int, default=3, help="versions that stay, this one included (default: 3)"
    )
    parser.add_argument("--top", type=int, default=5, help="classes of an answer (default: 5)")
    share(parser, "--frames", "--size", "--short-side")
    for name, default, what in (
        ("frames", 256, "a request with more frames of a clip is refused"),
        ("megapixels", 256, "million pixels of all encoded frames of a request"),
        ("clip-megapixels", 32, "million pixels that the model may see in a request"),
    ):
        parser.add_argument(
            f"--max-{name}", type=int, default=default, help=f"{what} (default: {default})"
        )
    share(parser, "--zoo")

    parser = add_command(group, "serve-client", serve_client)
    parser.add_argument("model", help="name of the model on the server")
    parser.add_argument(
        "videos", nargs="+", metavar="VIDEO", help="files, folders, patterns; camera:N to stream"
    )
    parser.add_argument(
        "--address",
        default="localhost:8500",
        help="HOST:PORT for gRPC (default: localhost:8500), http[s]://HOST:PORT for REST",
    )
    parser.add_argument("--version", type=int, help="version to ask (default: the server's choice)")
    parser.add_argument("--label", help="label of the version to ask, such as stable or canary")
    parser.add_argument(
        "--timeout",
        type=float,
        default=30,
        help="seconds that an answer may take, repeats included (default: 30)",
    )
    parser.add_argument("--retries", type=int, default=5, help="default: 5")
    parser.add_argument("--tls", action="store_true", help="encrypt gRPC; REST by https://")
    for name, text in (
        ("ca", "what the server's certificate is checked by (default: those of the system)"),
        ("cert", "certificate of the client, where the server asks for one"),
        ("key", "its key"),
    ):
        parser.add_argument(f"--{name}-file", metavar="FILE.pem", help=text)
    parser.add_argument(
        "--stream", action="store_true", help="frame by frame, an answer for each of them"
    )
    parser.add_argument("--frame-rate", type=float, help="of --stream, in a second (default: all)")
    share(parser, "--limit")


def export(arguments):
    """Exports a model for TensorFlow Serving, TensorFlow Lite or ONNX.

        rstg export interactions_rstg
        rstg export runs/rstg_res3_4 --output=served --version=7 --keep=5
        rstg export interactions_rstg --format=tflite

    Writes OUTPUT/NAME/VERSION, whole or not at all; a server that watches the folder takes it
    over. Of the other formats OUTPUT/NAME-FORMAT.
    """
    from rstg_tf.evaluation.subject import load_subject
    from rstg_tf.serving import edge, export_model
    from rstg_tf.serving.exporting import check_version
    from rstg_tf.serving.settings import settings_of

    name = pathlib.Path(arguments.model).resolve().name
    output = pathlib.Path(arguments.output) / name
    if arguments.format == "serving":
        check_version(output, arguments.version, arguments.keep)
    else:
        output = output.with_name(f"{name}-{arguments.format}")
        edge.check_folder(output)
    subject = load_subject(arguments.model, arguments.zoo)
    settings = settings_of(
        subject,
        arguments.frames,
        arguments.size,
        arguments.short_side,
        top=arguments.top,
        max_frames=arguments.max_frames,
        max_megapixels=arguments.max_megapixels,
        max_clip_megapixels=arguments.max_clip_megapixels,
    )
    if arguments.format == "serving":
        output = export_model(subject, settings, output, arguments.version, arguments.keep)
    else:
        export = edge.export_tflite if arguments.format == "tflite" else edge.export_onnx
        print(export(subject, settings, output), end="\n\n")
    print("wrote", output)


def serve_client(arguments):
    """Asks TensorFlow Serving what a model sees in video files or in front of a camera.

    rstg serve-client interactions_rstg pushing.webm a_folder
    rstg serve-client interactions_rstg pushing.webm --stream --frame-rate=12
    rstg serve-client interactions_rstg --stream camera:0 --address=http://localhost:8501
    """
    # Errors are told in one line, without gRPC's own on the way.
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")
    from rstg_tf.data.videos import VideoError, VideoLimits
    from rstg_tf.prediction.video_files import find_sources
    from rstg_tf.serving import Client
    from rstg_tf.text import printable

    limits = VideoLimits.of(arguments.limit)
    sources = find_sources(arguments.videos, arguments.stream)
    show = _show_stream if arguments.stream else _show_video
    failed = 0
    with Client(
        arguments.model,
        arguments.address,
        version=arguments.version,
        label=arguments.label,
        timeout=arguments.timeout,
        retries=arguments.retries,
        tls=arguments.tls,
        ca_file=arguments.ca_file,
        cert_file=arguments.cert_file,
        key_file=arguments.key_file,
    ) as client:
        for source in sources:
            print(printable(source))
            try:
                show(client, source, arguments.frame_rate, limits)
            except VideoError as error:
                print("error:", printable(error), file=sys.stderr)
                failed += 1
    return 2 if failed else 0


def _show_video(client, video, _, limits):
    for name, probability in client.classify_video(video, limits).classes:
        print(f"  {probability:6.1%}  {name}", flush=True)


def _show_stream(client, source, frame_rate, limits):
    from rstg_tf.prediction.video_files import read_frames

    frames = read_frames(source, client.description()["short_side"], frame_rate, limits)
    for number, answer in enumerate(client.stream(frames)):
        (name, probability), *_ = answer.classes
        print(f"frame {number}: {probability:6.1%}  {name}", flush=True)
