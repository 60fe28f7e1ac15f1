"""`README.md` of a zoo: its text stays, its tables are made anew."""

from rstg_tf import files
from rstg_tf.hub import manifest
from rstg_tf.zoo import tables

FILE_NAME = "README.md"
_BEGIN = "<!-- Tables: made by pipelines/build_zoo.py and publish.py, not by hand. -->"
_END = "<!-- End of the tables. -->"


def refresh(zoo=None):
    """Makes the tables of a zoo anew from its manifest.

    Args:
        zoo: folder of the zoo, see `rstg_tf.list_models`. Where it has no `README.md`, one of the
            tables alone is written.

    Returns:
        `pathlib.Path` of the file.
    """
    zoo = manifest.zoo_directory(zoo)
    zoo.mkdir(parents=True, exist_ok=True)
    path = zoo / FILE_NAME
    with files.locked(zoo):
        text = path.read_text() if path.exists() else "# Model zoo\n"
        before, _, rest = text.partition(_BEGIN)
        _, _, after = rest.partition(_END)
        made = tables.render(manifest.read_manifest(zoo))
        with files.written_whole(path) as part:
            part.write_text(f"{before.rstrip()}\n\n{_BEGIN}\n\n{made}\n{_END}\n{after.lstrip()}")
    return path
