"""What a published entry is given once it is in its place: example, notebook, a card of today."""

from rstg_tf.experiments import Experiment, apply_file
from rstg_tf.files import check_temporary_room
from rstg_tf.hub import loading, manifest, records
from rstg_tf.zoo import card, costs, notebook, saving, store
from rstg_tf.zoo.publishing import manifest_of_test_set
from rstg_tf.zoo.store import MAX_MEGABYTES, check_size, size_of

FILES = (saving.EXAMPLE, notebook.FILE_NAME)


def lacks(name, zoo=None):
    """Those of `FILES` that a published entry lacks; `ValueError` if there is no such entry."""
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
    """Makes `files` of a published entry, its card and its pictures anew; weights and figures stay.

    With `costs.FILE_NAME` the costs are measured again; `config` knows paths on this machine that
    the entry leaves out. On an error the entry stays as it was: `ValueError` if it is unknown,
    damaged, converted or too large, `RuntimeError` if the notebook fails.
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
