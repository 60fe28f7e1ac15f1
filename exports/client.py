"""Asks TensorFlow Serving what a model sees in video files or in front of a camera.

python exports/client.py interactions_rstg pushing.webm a_folder
python exports/client.py interactions_rstg pushing.webm --stream --frame-rate=12
python exports/client.py interactions_rstg --stream camera:0 --address=http://localhost:8501
"""

import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "pipelines"))
import _startup

import argparse
import os

# Errors are told in one line, without gRPC's own on the way.
os.environ.setdefault("GRPC_VERBOSITY", "NONE")


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
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
    parser.add_argument(
        "--ca-file",
        "--ca_file",
        metavar="PEM",
        help="what the server's certificate is checked by (default: those of the system)",
    )
    parser.add_argument(
        "--cert-file",
        "--cert_file",
        metavar="PEM",
        help="certificate of the client, where the server asks for one",
    )
    parser.add_argument("--key-file", "--key_file", metavar="PEM", help="its key")
    parser.add_argument(
        "--stream", action="store_true", help="frame by frame, an answer for each of them"
    )
    parser.add_argument(
        "--frame-rate", "--frame_rate", type=float, help="of --stream, in a second (default: all)"
    )
    parser.add_argument(
        "--limit",
        action="append",
        default=[],
        metavar="NAME=NUMBER",
        help="of how large videos may be: frame_pixels, frames, pixels, ...; see README.md",
    )
    arguments = parser.parse_args()
    with _startup.one_line_errors():
        sys.exit(run(arguments))


def run(arguments):
    from rstg_tf.data.videos import VideoError, VideoLimits
    from rstg_tf.serving import Client
    from rstg_tf.prediction.video_files import find_sources
    from rstg_tf.text import printable

    limits = VideoLimits.of(arguments.limit)
    sources = find_sources(arguments.videos, arguments.stream)
    show = show_stream if arguments.stream else show_video
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


def show_video(client, video, _, limits):
    for name, probability in client.classify_video(video, limits).classes:
        print(f"  {probability:6.1%}  {name}", flush=True)


def show_stream(client, source, frame_rate, limits):
    from rstg_tf.prediction.video_files import read_frames

    frames = read_frames(source, client.description()["short_side"], frame_rate, limits)
    for number, answer in enumerate(client.stream(frames)):
        (name, probability), *_ = answer.classes
        print(f"frame {number}: {probability:6.1%}  {name}", flush=True)


if __name__ == "__main__":
    main()
