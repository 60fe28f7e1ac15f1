"""Commands that make datasets and look into them: data make-interactions, make-syncmnist, inspect.

`data make`, of real videos, is in `videos.py`.
"""

from rstg_tf.cli import videos
from rstg_tf.cli.options import share
from rstg_tf.cli.parser import add_command, add_group


def add_commands(group):
    """Adds the commands to the group."""
    text = "Makes datasets, as shards, and looks into them."
    group = add_group(group.add_parser("data", help=text, description=text))
    videos.add_commands(group)

    parser = _add_generator(group, "make-interactions", make_interactions, frames=16)
    parser.add_argument(
        "--distractors", type=int, default=2, help="up to so many bystanders (default: 2)"
    )
    parser.add_argument("--difficulty", type=float, default=0.5, help="0 ... 1 (default: 0.5)")

    parser = _add_generator(group, "make-syncmnist", make_syncmnist, frames=10)
    parser.add_argument("--digits", type=int, default=5, help="2 ... 10 digits (default: 5)")
    parser.add_argument(
        "--z-order", choices=("authors", "shuffled"), default="authors", help="default: authors"
    )
    parser.add_argument("--noise-parts", type=int, default=0, help="moving cuts of digits")
    parser.add_argument(
        "--persistence", type=float, default=0.0, help="chance of keeping a step, in [0, 1)"
    )
    parser.add_argument(
        "--no-pair",
        type=float,
        default=1 / 92,
        help='probability of "no pair" (default: 1/92, the published task)',
    )
    parser.add_argument(
        "--digit-source",
        choices=("auto", "mnist", "embedded"),
        default="auto",
        help="images of digits; auto (default): MNIST if it is there",
    )
    share(parser, "--mnist-path")
    parser.add_argument(
        "--trajectories", metavar="FILE", help="recorded motion; gives digits, frames and parts"
    )

    parser = add_command(group, "inspect", inspect)
    parser.add_argument("directory", help="folder of shards, local, s3:// or gs://")
    parser.add_argument("--verify", action="store_true", help="check all checksums")
    parser.add_argument(
        "--sheet", metavar="FILE.png", help="(default: contact_sheet.png in the folder)"
    )


def make_interactions(arguments):
    """Makes Interactions: clips of hands and things that only the order of time tells apart.

        rstg data make-interactions --split=test --output=data/interactions

    The same command resumes what was interrupted.
    """
    from rstg_tf.data.synthetic.interactions import Interactions

    source = Interactions(
        size=arguments.size,
        frames=arguments.frames,
        distractors=arguments.distractors,
        difficulty=arguments.difficulty,
        split=arguments.split,
        seed=arguments.seed,
        num_examples=arguments.num_videos,
    )
    _make(source, arguments)


def make_syncmnist(arguments):
    """Makes SyncMNIST: several moving digits, two of which move in synchrony.

        rstg data make-syncmnist --digits=5 --split=test --output=data/sync5

    The same command resumes what was interrupted.
    """
    from rstg_tf.data.synthetic.syncmnist import SyncMNIST

    source = SyncMNIST(
        digits=arguments.digits,
        frames=arguments.frames,
        size=arguments.size,
        z_order=arguments.z_order,
        noise_parts=arguments.noise_parts,
        persistence=arguments.persistence,
        no_pair=arguments.no_pair,
        split=arguments.split,
        seed=arguments.seed,
        source=arguments.digit_source,
        mnist_path=arguments.mnist_path,
        trajectories=arguments.trajectories,
        num_videos=arguments.num_videos,
    )
    _make(source, arguments)


def inspect(arguments):
    """Prints what a folder of shards holds, read from every record, and draws a contact sheet.

        rstg data inspect data/mine
        rstg data inspect data/mine --verify

    Numbers of each split and class, lengths, sizes. --verify compares every file and every record
    with its checksum and names what is damaged.
    """
    import tqdm

    from rstg_tf.data import storage
    from rstg_tf.data.shards.dataset_info import read_info
    from rstg_tf.data.shards.inspection import ContactSheet, inspect_shards
    from rstg_tf.text import printable

    info = read_info(arguments.directory)
    sheet = ContactSheet(len(info["classes"]) if info else 1)
    splits = info["splits"].values() if info else ()
    total = sum(shard["bytes"] for split in splits for shard in split["shards"])
    with tqdm.tqdm(unit="B", unit_scale=True, total=total, desc="reading") as bar:
        found = inspect_shards(
            arguments.directory, verify=arguments.verify, keep=sheet.add, progress=bar.update
        )
    by_class = found.by_class().rename(index=printable)
    for table in (found.by_split(), by_class, found.by_size().head(20)):
        print(table.to_string(max_colwidth=60), end="\n\n")
    path = arguments.sheet or storage.join(arguments.directory, "contact_sheet.png")
    sheet.write(path)
    print("contact sheet:", printable(path))
    if found.damages:
        listed = "\n".join(f"  {damage}" for damage in found.damages)
        raise ValueError(f"Faults found: {len(found.damages)}\n{listed}")
    if arguments.verify:
        print(f"all {len(found.records)} records and their files have the right checksums")


def _add_generator(group, name, run, frames):
    """Adds a command with the options that all generators have."""
    parser = add_command(group, name, run, {"--source": "--digit-source"})
    share(parser, "--output", required=True, help="folder to write shards to")
    share(
        parser,
        "--split",
        choices=("train", "validation", "test"),
        default="train",
        help="default: train",
    )
    parser.add_argument("--seed", type=int, default=0, help="seed of the dataset (default: 0)")
    parser.add_argument("--num-videos", type=int, help="videos to make")
    share(parser, "--num-shards", help="shards (default: of 128 MB)")
    parser.add_argument("--workers", type=int, help="threads (default: one for each core)")
    parser.add_argument("--preview", metavar="FILE.gif", help="also write a picture of some videos")
    share(parser, "--size", default=64, help="pixels (default: 64)")
    share(parser, "--frames", default=frames, help=f"frames of a video (default: {frames})")
    return parser


def _make(source, arguments):
    """Writes the shards, and the preview if one is asked for."""
    import tqdm

    from rstg_tf.data.shards.shard_writer import write_shards
    from rstg_tf.data.synthetic.preview import write_preview

    if arguments.preview:
        write_preview(source, arguments.preview)
        print(f"preview: {arguments.preview}")
    with tqdm.tqdm(total=source.num_examples, unit="video", desc=source.name) as bar:
        info = write_shards(
            source, arguments.output, arguments.num_shards, arguments.workers, bar.update
        )
    print(f"{source.num_examples} videos ({source.describe()['source']}): {info}")
