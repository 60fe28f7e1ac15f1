"""Prints what a folder of shards holds, read from every record, and draws a contact sheet.

    python pipelines/inspect_shards.py data/mine
    python pipelines/inspect_shards.py data/mine --verify

Numbers of each split and class, lengths, sizes. --verify compares every file and every record
with its checksum and names what is damaged.
"""

import _startup

import argparse


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("directory", help="folder of shards, local, s3:// or gs://")
    parser.add_argument("--verify", action="store_true", help="check all checksums")
    parser.add_argument(
        "--sheet", metavar="FILE.png", help="(default: contact_sheet.png in the folder)"
    )
    arguments = parser.parse_args()
    with _startup.one_line_errors():
        run(arguments)


def run(arguments):
    import tqdm

    from rstg_tf.data import storage
    from rstg_tf.data.shards.inspection import ContactSheet
    from rstg_tf.data.shards.dataset_info import read_info
    from rstg_tf.data.shards.inspection import inspect_shards
    from rstg_tf.text import printable

    info = read_info(arguments.directory)
    sheet = ContactSheet(len(info["classes"]) if info else 1)
    with tqdm.tqdm(unit="B", unit_scale=True, total=_num_bytes(info), desc="reading") as bar:
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


def _num_bytes(info):
    splits = info["splits"].values() if info else ()
    return sum(shard["bytes"] for split in splits for shard in split["shards"])


if __name__ == "__main__":
    main()
