"""Finding, checking and loading published models."""

import fnmatch
import pathlib
import time

import tensorflow as tf

from rstg_tf.hub import entry_lock, manifest
from rstg_tf.hub.safe_loading import GRAPH, load_saved_model

_TRIES = 10
_WAIT = 1.0  # Seconds, on file systems that can't exchange two folders.


def list_models(pattern="*", zoo=None):
    """Lists the published models.

    Args:
        pattern: names wanted, with the wildcards of a shell: `"rstg_*"`.
        zoo: folder of the zoo; by default `$RSTG_TF_MODEL_ZOO`, else `model_zoo/` of the
            repository.

    Returns:
        Sorted list of names for `load_model`.
    """
    return sorted(fnmatch.filter(manifest.read_manifest(zoo), pattern))


def load_model(name_or_path, zoo=None):
    """Loads a published model with its real layers, after checking its files.

    Unlike `keras.models.load_model`, which needs no `rstg_tf` but gives generic layers, this
    gives a `VideoClassifier`: `model.block`, `model.attention(clips)`, `model.step(...)`.

    Args:
        name_or_path: an entry of the zoo, or the path of a published SavedModel, which may be a
            stranger's: what could run code of its own is refused.
        zoo: see `list_models`.

    Returns:
        `rstg_tf.models.VideoClassifier`, not compiled.

    Raises:
        ValueError: no such model (the closest names are shown), a file that is missing, not listed
            or of another checksum (it is named), or a SavedModel of another kind.

    Example:
        >>> model = rstg_tf.load_model("interactions_rstg")
        >>> model(clips)["probabilities"].shape
        TensorShape([8, 20])
    """
    return read_entry(name_or_path, zoo, load_classifier)


def load_classifier(directory):
    """Loads a SavedModel as it is, as a `VideoClassifier`.

    Args:
        directory: folder of the SavedModel.

    Returns:
        `rstg_tf.models.VideoClassifier`, not compiled.

    Raises:
        ValueError: it holds another model, or what `load_saved_model` refuses.
    """
    from rstg_tf.models import VideoClassifier

    model = load_saved_model(directory)
    kind = type(model).__name__
    if tf.keras.utils.get_registered_object(kind) is VideoClassifier:  # Keras gave up on it.
        raise ValueError(
            "The settings of a SavedModel's VideoClassifier must be those of its constructor. "
            f"Received: {directory}, whose settings build none"
        )
    if not isinstance(model, VideoClassifier):
        raise ValueError(
            f"The SavedModel must hold a VideoClassifier. Received: a {kind} in {directory}"
        )
    return model


def read_entry(name_or_path, zoo, read):
    """Finds the folder of a model, checks its files and reads them.

    Where the entry is replaced meanwhile, all of it is read again: what is returned is the old
    entry or the new one.

    Args:
        name_or_path: see `load_model`.
        zoo: see `list_models`.
        read: a function of the folder, a `pathlib.Path`.

    Returns:
        What `read` returns.

    Raises:
        ValueError: no such model, or a published file is missing, not listed or differs.
        OSError: the entry was replaced again and again.
    """
    for _ in range(_TRIES):
        directory = _find(name_or_path, zoo)
        with entry_lock.reading(directory) as is_same:
            try:
                _verify(directory)
                made = read(directory)
            except Exception:
                if is_same():
                    raise
            else:
                if is_same():
                    return made
    raise OSError(
        f"An entry must stay while it is read. Received: {directory}, replaced {_TRIES} times"
    )


def verified_directory(name_or_path, zoo=None):
    """Finds the folder of a model and checks its files, where it or a manifest lists them.

    Args:
        name_or_path: see `load_model`.
        zoo: see `list_models`.

    Returns:
        `pathlib.Path` of a SavedModel.

    Raises:
        ValueError: no such model, or a published file is missing, not listed or differs.
    """
    return read_entry(name_or_path, zoo, lambda directory: directory)


def is_published(path):
    """Whether a folder is a SavedModel or an entry, whatever else lies in it."""
    path = pathlib.Path(path).resolve()
    made = (path / GRAPH, path / manifest.ENTRY)
    return any(file.exists() for file in made) or path.name in manifest.read_manifest(path.parent)


def _find(name_or_path, zoo):
    where, name = manifest.zoo_directory(zoo).resolve(), str(name_or_path)
    entries = manifest.read_manifest(where)
    if name in entries or (manifest.is_name(name) and (where / name / manifest.ENTRY).exists()):
        directory = where / name
        if directory.is_symlink():
            raise ValueError(f"An entry must be a folder. Received: {directory}, a link")
    else:
        directory = pathlib.Path(name_or_path).resolve()
    end = time.monotonic() + _WAIT
    while not (directory / GRAPH).is_file():
        listed = directory.name in manifest.read_manifest(directory.parent)
        if listed and directory.exists():
            raise ValueError(
                f"A published model must be complete. Received: {directory / GRAPH} is missing"
            )
        if not listed or time.monotonic() > end:
            raise manifest.unknown_model(name_or_path, entries, manifest.zoo_directory(zoo))
        time.sleep(0.02)
    return directory


def _verify(directory):
    """Compares files with the checksums of the entry, else with those of the zoo around it."""
    own, zoo = manifest.read_entry(directory), directory.parent
    in_a_zoo = (zoo / manifest.FILE_NAME).exists()
    if own is not None:
        name, entry = own
        if in_a_zoo and name != directory.name:
            raise ValueError(
                f"An entry must lie in the folder of its name. Received: {directory}, published "
                f"as {name!r}"
            )
        manifest.verify(directory, entry["files"])
    elif in_a_zoo:
        entries = manifest.read_manifest(zoo)
        if directory.name not in entries:
            raise ValueError(
                f"An entry must be listed in the manifest of its zoo, or have {manifest.ENTRY}. "
                f"Received: {directory}"
            )
        manifest.verify(directory, entries[directory.name]["files"])
