"""The command that makes shards of real videos: data make."""

import logging
import sys

from rstg_tf.cli.options import share
from rstg_tf.cli.parser import add_command


def add_commands(group):
    """Adds the command to the group."""
    parser = add_command(group, "make", make)
    parser.add_argument("--source", required=True, help="CSV file or folder, see above")
    share(parser, "--output", required=True, help="folder to write shards to")
    share(parser, "--split", default="train", help="train (default), validation or test")
    share(parser, "--name", required=False, help="of the dataset (default: that of the folder)")
    parser.add_argument(
        "--format",
        choices=("csv", "folders", "something-something-v1", "something-something-v2"),
        help="of the source (default: what it looks like)",
    )
    parser.add_argument(
        "--labels",
        metavar="FILE",
        help="names of the classes, one a line (default: labels.txt of the source)",
    )
    parser.add_argument(
        "--videos", metavar="FOLDER", help="folder of the videos, if they are not beside the lists"
    )
    parser.add_argument(
        "--allow-outside",
        action="store_true",
        help="take videos to which paths of a CSV file, or links, lead out of the source, too",
    )
    parser.add_argument("--frame-rate", type=float, help="frames a second (default: each frame)")
    share(parser, "--short-side", help="pixels (default: as the videos are)")
    parser.add_argument("--jpeg-quality", type=int, default=90, help="1 ... 100 (default: 90)")
    share(parser, "--limit")
    share(parser, "--num-shards", help="(default: by their size)")
    parser.add_argument("--shard-megabytes", type=float, default=128, help="(default: 128)")
    parser.add_argument(
        "--max-failures",
        type=int,
        default=10,
        help="videos that may be missing or damaged (default: 10)",
    )
    parser.set_defaults(
        passes_on=True, interrupted=lambda _: "interrupted; the same command resumes"
    )


def make(arguments):
    """Makes shards of real videos: TFRecord files of all their frames as JPEG.

        rstg data make --source=videos/train.csv --output=data/mine
        rstg data make --source=folders_of_classes --output=data/mine --short-side=256
        rstg data make --source=something-something-v2 --output=s3://bucket/sth2

    --source is a CSV file (path,label) or a folder with train.csv, validation.csv, ...; a folder
    of folders, one for each class (CLASS/video.mp4 or train/CLASS/video.mp4); or a folder of
    Something-Something v1 or v2 with its label files. Source and output are local, s3:// or gs://.

    Work is done by Apache Beam on all cores of this machine, or wherever its own flags say, as
    --runner=DataflowRunner --project=... The same command resumes what was interrupted.
    """
    beam_flags = arguments.unknown
    if not any(flag.startswith("--runner") for flag in beam_flags):
        # Beam tells of packages that it could use, and errors twice.
        logging.getLogger().setLevel(logging.CRITICAL)
    import tqdm

    from rstg_tf.data.shards.dataset_info import read_info
    from rstg_tf.data.videos import VideoLimits
    from rstg_tf.data.videos.encoding import FrameFormat
    from rstg_tf.data.videos.making import FAILURES, make_shards
    from rstg_tf.data.videos.sources import list_videos
    from rstg_tf.text import printable

    listed = list_videos(
        arguments.source,
        arguments.split,
        name=arguments.name,
        format=arguments.format,
        labels=arguments.labels,
        videos=arguments.videos,
        allow_outside=arguments.allow_outside,
    )
    for note in listed.notes:
        print("note:", printable(note), file=sys.stderr)
    print(
        f"{len(listed.videos)} videos of {len(listed.class_names)} classes "
        f"({printable(listed.source)})",
        flush=True,
    )
    frame_format = FrameFormat(
        arguments.frame_rate,
        arguments.short_side,
        arguments.jpeg_quality,
        VideoLimits.of(arguments.limit),
    )
    with tqdm.tqdm(unit="shard", desc=listed.name) as bar:

        def show(done, total):
            bar.total = total
            bar.update(done - bar.n)

        info = make_shards(
            listed,
            arguments.output,
            frame_format,
            num_shards=arguments.num_shards,
            shard_bytes=int(arguments.shard_megabytes * 2**20),
            max_failures=arguments.max_failures,
            beam_flags=beam_flags,
            progress=show,
        )
    split = read_info(arguments.output)["splits"][listed.split]
    stored = sum(shard["examples"] for shard in split["shards"])
    left_out = sum(len(shard["failures"]) for shard in split["shards"])
    print(f"{stored} videos, {left_out} left out ({FAILURES}): {printable(info)}")
