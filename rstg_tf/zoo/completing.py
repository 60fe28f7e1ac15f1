"""What a published entry is given once it is in its place: an example and a notebook."""

import json

from rstg_tf.zoo import card, example, loading, manifest, notebook, store
from rstg_tf.zoo.publishing import manifest_of_test_set

FILES = (example.FILE_NAME, notebook.FILE_NAME)


def lacks(name, zoo=None):
    """Says what a published entry has not got yet.

    Args:
        name: name of the entry.
        zoo: folder of the zoo, see `rstg_tf.list_models`.

    Returns:
        Tuple of those of `FILES`.
    """
    files = manifest.read_manifest(zoo)[name]["files"]
    return tuple(file for file in FILES if file not in files)


def complete(name, files, zoo=None, num_clips=notebook.NUM_CLIPS, progress=True):
    """Makes files of a published entry; its card and the manifest get the new checksums.

    Args:
        name: name of the entry.
        files: which ones, of `FILES`.
        zoo: folder of the zoo, see `rstg_tf.list_models`.
        num_clips: clips of the notebook's test set.
        progress: whether to show a progress bar.

    Raises:
        ValueError: there is no such entry, or one of its files is missing or differs.
        RuntimeError: the notebook does not run; the entry stays as it was.
    """
    from rstg_tf.experiments import Experiment, apply_file

    with store.changed_entry(manifest.zoo_directory(zoo), name) as (part, about):
        if (part / "metrics.json").is_file():
            about |= manifest_of_test_set(json.loads((part / "metrics.json").read_text()))
        if example.FILE_NAME in files:
            config = apply_file(Experiment(), part / "config.yaml")
            example.write_example(loading.load_model(part), config, part)
        if notebook.FILE_NAME in files:
            notebook.execute(part, num_clips=num_clips, name=name, progress=progress)
        path = part / "README.md"
        checksums = manifest.checksums(part)
        del checksums[path.name]
        path.write_text(card.with_checksums(path.read_text(), checksums))
