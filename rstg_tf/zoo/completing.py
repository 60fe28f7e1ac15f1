"""What a published entry is given once it is in its place: example, notebook, a card of today."""

from rstg_tf.experiments import Experiment, apply_file
from rstg_tf.files import check_temporary_room
from rstg_tf.hub import loading, manifest, records
from rstg_tf.zoo import card, costs, notebook, saving, store
from rstg_tf.zoo.publishing import manifest_of_test_set
from rstg_tf.zoo.store import MAX_MEGABYTES, check_size, size_of

FILES = (saving.EXAMPLE, notebook.FILE_NAME)


def lacks(name, zoo=None):
    """Says what a published entry has not got yet.

    Args:
        name: name of the entry.
        zoo: folder of the zoo, see `rstg_tf.list_models`.

    Returns:
        Tuple of those of `FILES`.

    Raises:
        ValueError: there is no such entry.
    """
    entries = manifest.read_manifest(zoo)
    if name not in entries:
        raise manifest.unknown_model(name, entries, manifest.zoo_directory(zoo))
    return tuple(file for file in FILES if file not in entries[name]["files"])


def complete(
    name,
    files,
    zoo=None,
    num_clips=notebook.NUM_CLIPS,
    data=None,
    config=None,
    progress=True,
    max_megabytes=MAX_MEGABYTES,
):
    """Makes files of a published entry, and its card with the pictures anew.

    Weights and figures stay. The entry is replaced whole or not at all.

    Args:
        name: name of the entry.
        files: which ones, of `FILES`, and `costs.FILE_NAME` to measure the costs again; there may
            be none.
        zoo: folder of the zoo, see `rstg_tf.list_models`.
        num_clips: clips of the notebook's test set.
        data: the notebook's test set, see `rstg_tf.zoo.notebook.execute`.
        config: the `Experiment` of the training, which knows paths on this machine that the entry
            does not tell: of shards, and of files of a generator.
        progress: whether to show a progress bar over the cells of the notebook.
        max_megabytes: how large the entry may become.

    Returns:
        `pathlib.Path` of the entry.

    Raises:
        ValueError: there is no such entry, one of its files is missing or differs, it is no
            training's but a network that was converted, the notebook's clips can't be had, or the
            entry becomes too large.
        RuntimeError: the notebook does not run; the entry stays as it was.
    """
    zoo = manifest.zoo_directory(zoo)
    if notebook.FILE_NAME in files:
        check_temporary_room()
    with store.changed_entry(zoo, name) as (part, about):
        for file in ("metrics.json", "training.json"):
            if not (part / file).is_file():
                raise ValueError(
                    "A card is made of the figures and the summary of a training. "
                    f"Received: {name}, without {file}"
                )
        saving.finish(part)
        about |= manifest_of_test_set(records.read_metrics(part / "metrics.json"))
        model = loading.load_classifier(part)
        if saving.EXAMPLE in files:
            stored = apply_file(Experiment(), part / "config.yaml")
            saving.write_example(model, config or stored, part)
        if notebook.FILE_NAME in files:
            options = {"data": data, "config": config, "name": name, "model": model}
            notebook.execute(part, num_clips, **options, progress=progress)
        if costs.FILE_NAME in files:
            (part / costs.FILE_NAME).unlink(missing_ok=True)
        card.write_card(part, name, model)
        check_size(size_of(part), name, max_megabytes)
    return zoo / name
