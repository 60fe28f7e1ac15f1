"""What the commands that make data sets share."""

import argparse


def parser(description):
    """Returns an argument parser with the flags that all data sets have."""
    made = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    made.add_argument("--output", required=True, help="folder to write shards to")
    made.add_argument("--split", default="train", help="train (default), validation or test")
    made.add_argument("--seed", type=int, default=0, help="seed of the data set (default: 0)")
    made.add_argument("--num-videos", "--num_videos", type=int, help="videos to make")
    made.add_argument("--num-shards", "--num_shards", type=int, help="shards (default: of 128 MB)")
    made.add_argument("--workers", type=int, help="threads (default: one for each core)")
    made.add_argument("--preview", metavar="FILE.gif", help="also write a picture of some videos")
    return made


def make(source, arguments):
    """Writes the shards, and the preview if one is asked for."""
    import tqdm

    from rstg_tf.data.synthetic.preview import write_preview
    from rstg_tf.data.shards.shard_writer import write_shards

    if arguments.preview:
        write_preview(source, arguments.preview)
        print(f"preview: {arguments.preview}")
    with tqdm.tqdm(total=source.num_examples, unit="video", desc=source.name) as bar:
        info = write_shards(
            source, arguments.output, arguments.num_shards, arguments.workers, bar.update
        )
    print(f"{source.num_examples} videos ({source.describe()['source']}): {info}")
