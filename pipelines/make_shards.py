"""Makes shards of real videos: TFRecord files of all their frames as JPEG.

    python pipelines/make_shards.py --source=videos/train.csv --output=data/mine
    python pipelines/make_shards.py --source=folders_of_classes --output=data/mine --short-side=256
    python pipelines/make_shards.py --source=something-something-v2 --output=s3://bucket/sth2

--source is a CSV file (path,label) or a folder with train.csv, validation.csv, ...; a folder of
folders, one for each class (CLASS/video.mp4 or train/CLASS/video.mp4); or a folder of
Something-Something v1 or v2 with its label files. Source and output are local, s3:// or gs://.

Work is done by Apache Beam on all cores of this machine, or wherever its own flags say, as
--runner=DataflowRunner --project=... The same command goes on where it was interrupted.
"""

import _startup

import argparse
import logging
import sys


def main():
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--source", required=True, help="CSV file or folder, see above")
    parser.add_argument("--output", required=True, help="folder to write shards to")
    parser.add_argument("--split", default="train", help="train (default), validation or test")
    parser.add_argument("--name", help="of the data set (default: that of the folder)")
    parser.add_argument(
        "--format", help="csv, folders, something-something-v1 or -v2 (default: what it looks like)"
    )
    parser.add_argument(
        "--labels", help="names of the classes, one a line (default: labels.txt of the source)"
    )
    parser.add_argument("--videos", help="folder of the videos, if they are not beside the lists")
    parser.add_argument(
        "--allow-outside",
        "--allow_outside",
        action="store_true",
        help="take videos to which paths of a CSV file, or links, lead out of the source, too",
    )
    parser.add_argument(
        "--frame-rate", "--frame_rate", type=float, help="frames per second (default: each frame)"
    )
    parser.add_argument(
        "--short-side", "--short_side", type=int, help="pixels (default: as the videos are)"
    )
    parser.add_argument(
        "--jpeg-quality", "--jpeg_quality", type=int, default=90, help="1 ... 100 (default: 90)"
    )
    parser.add_argument(
        "--limit",
        action="append",
        default=[],
        metavar="NAME=NUMBER",
        help="of how large videos may be: frame_pixels, frames, pixels, ...; see README.md",
    )
    parser.add_argument("--num-shards", "--num_shards", type=int, help="(default: by their size)")
    parser.add_argument(
        "--shard-megabytes", "--shard_megabytes", type=float, default=128, help="(default: 128)"
    )
    parser.add_argument(
        "--max-failures",
        "--max_failures",
        type=int,
        default=10,
        help="videos that may be missing or damaged (default: 10)",
    )
    arguments, beam_flags = parser.parse_known_args()
    with _startup.one_line_errors("interrupted; the same command goes on"):
        run(arguments, beam_flags)


def run(arguments, beam_flags):
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


if __name__ == "__main__":
    main()
