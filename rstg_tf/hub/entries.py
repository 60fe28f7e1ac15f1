"""Published models found, checked and told about, without TensorFlow."""

import dataclasses
import fnmatch
import pathlib
import time
from typing import Any

from rstg_tf.hub import entry_lock, manifest, records
from rstg_tf.hub.saved_model import GRAPH, read_class_names

COSTS = "costs.json"
CARD = "README.md"
_TRIES = 10
_WAIT = 1.0  # Seconds, on file systems that can't exchange two folders.


@dataclasses.dataclass(frozen=True)
class ModelInfo:
    """What is known of a published model.

    Attributes:
        name: Name of the entry.
        experiment: The experiment that it is a training of; `"converted"` for the authors' weights.
        scale: Scale of the experiment, `"lite"` or `"paper"`.
        data: Name of the dataset that it was measured on.
        figures: Figures of `metrics.json`, such as `top_1` and `top_1_interval_95`; empty where it
            was not measured.
        parameters: Number of parameters.
        multiply_adds: Multiply-adds for one clip, or None where they were not counted.
        clips_per_second: Speed of inference on `hardware`, or None where it was not measured.
        hardware: What the speed was measured on, or None.
        classes: Names of the classes, in the order of the logits.
        clip_shape: `(T, H, W, C)` of the clips that it is meant for.
        streams: Whether it can go frame by frame.
        card: Path of its card.
    """

    name: str
    experiment: str
    scale: str
    data: str
    figures: dict[str, Any]
    parameters: int
    multiply_adds: int | None
    clips_per_second: float | None
    hardware: str | None
    classes: tuple[str, ...]
    clip_shape: tuple[int, ...]
    streams: bool
    card: pathlib.Path


def list_models(pattern: str = "*", zoo: str | pathlib.Path | None = None) -> list[str]:
    """Lists the published models.

    Args:
        pattern: Names wanted, with the wildcards of a shell: `"rstg_*"`.
        zoo: Folder of the zoo; by default `$RSTG_TF_MODEL_ZOO`, else `model_zoo/` of the
            repository.

    Returns:
        Sorted list of names for `load_model`.

    Raises:
        FileNotFoundError: There is no such folder; says where one can be had.
    """
    return sorted(fnmatch.filter(_read_zoo(zoo), pattern))


def model_info(name: str, zoo: str | pathlib.Path | None = None) -> ModelInfo:
    """Tells what is known of a published model; its files are checked, but it is not loaded.

    Args:
        name: Name of an entry of the zoo, see `list_models`.
        zoo: See `list_models`.

    Returns:
        `ModelInfo`.

    Raises:
        FileNotFoundError: There is no such folder of published models.
        ValueError: No such model (the closest names are shown), or a file of it that is missing or
            of another checksum.

    Example:
        >>> rstg_tf.model_info("interactions_rstg").clip_shape
        (16, 64, 64, 3)
    """
    entries = _read_zoo(zoo)
    if name not in entries:
        raise manifest.unknown_model(name, entries, manifest.zoo_directory(zoo))
    return read_entry(name, zoo, _tell)


def _read_zoo(zoo):
    folder = manifest.zoo_directory(zoo)
    if not folder.is_dir():
        raise manifest.no_zoo(folder)
    return manifest.read_manifest(folder)


def _tell(directory):
    _, about = manifest.read_entry(directory) or (
        directory.name,
        manifest.read_manifest(directory.parent)[directory.name],
    )
    costs = records.read_costs(directory / COSTS) if (directory / COSTS).is_file() else {}
    card = directory / CARD
    return ModelInfo(
        name=directory.name,
        experiment=about["experiment"],
        scale=about["size"],
        data=about["data"],
        figures=about["figures"] or {},
        parameters=about["parameters"],
        multiply_adds=costs.get("multiply_adds"),
        clips_per_second=costs.get("clips_per_second"),
        hardware=costs.get("hardware"),
        classes=tuple(read_class_names(directory) or ()),
        clip_shape=tuple(about["clip_shape"]),
        # Entries of before tell it in their cards only.
        streams=about.get("streams", "model.initial_state(" in card.read_text(encoding="utf-8")),
        card=card,
    )


def read_entry(name_or_path, zoo, read):
    """Finds a model's folder, checks its files, and returns what `read` makes of the folder.

    If the entry is replaced meanwhile, it is read again. Raises `ValueError` for an unknown model
    or a file that is missing, unlisted or altered.
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
    """Path of a model's SavedModel, once its files are checked; raises as `read_entry` does."""
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
