"""Finding, checking and loading published models."""

import fnmatch
import pathlib

from rstg_tf.zoo import manifest
from rstg_tf.zoo.safe_loading import load_saved_model


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
        name_or_path: an entry of the zoo, or the path of a published SavedModel.
        zoo: see `list_models`.

    Returns:
        `rstg_tf.models.VideoClassifier`, not compiled.

    Raises:
        ValueError: no such model (the closest names are shown), a file that is missing or has
            another checksum than the manifest says (it is named), or a SavedModel of another
            kind.

    Example:
        >>> model = rstg_tf.load_model("interactions_rstg")
        >>> model(clips)["probabilities"].shape
        TensorShape([8, 20])
    """
    from rstg_tf.models import VideoClassifier

    directory = verified_directory(name_or_path, zoo)
    model = load_saved_model(directory)
    if not isinstance(model, VideoClassifier):
        raise ValueError(
            f"The SavedModel must hold a VideoClassifier. Received: a {type(model).__name__} "
            f"in {directory}"
        )
    return model


def verified_directory(name_or_path, zoo=None):
    """Finds the folder of a model and checks its files, where a manifest lists them.

    Args:
        name_or_path: see `load_model`.
        zoo: see `list_models`.

    Returns:
        `pathlib.Path` of a SavedModel.

    Raises:
        ValueError: no such model, or a published file is missing or differs.
    """
    directory = _find(name_or_path, zoo)
    entry = manifest.read_manifest(directory.parent).get(directory.name)
    if entry is not None:
        manifest.verify(directory, entry["files"])
    return directory


def _find(name_or_path, zoo):
    where = manifest.zoo_directory(zoo)
    entries = manifest.read_manifest(zoo)
    if str(name_or_path) in entries:
        return where.resolve() / str(name_or_path)
    directory = pathlib.Path(name_or_path)
    if (directory / "saved_model.pb").is_file():
        return directory.resolve()
    raise manifest.unknown_model(name_or_path, entries, where)
