"""What is found by its name: backbones, heads, experiments and sources.

    @BACKBONES.register("my_backbone")
    class MyBackbone(tf.keras.layers.Layer): ...

Modules of a registry's own package are imported when it is first asked for a name, and so are
plug-ins: the entry points of the group `rstg_tf.plugins` of installed packages, and the modules
that the environment variable `RSTG_TF_PLUGINS` names, separated by commas.
"""

import dataclasses
import difflib
import fnmatch
import functools
import importlib
import importlib.metadata
import os
import pkgutil
from collections.abc import Callable
from typing import Any

ENTRY_POINTS = "rstg_tf.plugins"
VARIABLE = "RSTG_TF_PLUGINS"


@dataclasses.dataclass(frozen=True)
class Arguments:
    """In `Annotated`: the parameter is a mapping of arguments for something else.

    Attributes:
        of: the class or function whose arguments they are.
        hidden: names of those that are no settings.
    """

    of: Callable
    hidden: tuple[str, ...] = ()


class Registry:
    """Classes or functions by name.

    Args:
        kind: what they are, for errors: `"backbone"`.
        package: name of the package whose modules register their own.
    """

    def __init__(self, kind: str, package: str):
        self.kind = kind
        self._package = package
        self._entries: dict[str, Any] = {}

    def register(self, name: str, **about: Any) -> Callable:
        """Makes a decorator that registers what it decorates.

        Args:
            name: the name to find it by.
            **about: what else there is to know, see `about`. For backbones, heads and sources
                `hidden` are names of arguments that are no settings of experiments; for experiments
                see `rstg_tf.experiments`.

        Returns:
            The decorator; it returns what it gets.

        Raises:
            ValueError: something else has this name.
        """

        def decorate(registered):
            if name in self._entries:
                raise ValueError(
                    f"Each {self.kind} must have a name of its own. Received: {name!r}"
                )
            self._entries[name] = registered, about
            return registered

        return decorate

    def list(self, pattern: str = "*") -> list[str]:
        """Lists the sorted names that match a pattern with the wildcards of the shell."""
        self._load()
        return sorted(fnmatch.filter(self._entries, pattern))

    def get(self, name: str) -> Any:
        """Finds what is registered.

        Args:
            name: its name.

        Returns:
            The class or function.

        Raises:
            ValueError: nothing has this name; the closest names are shown.
        """
        return self._entry(name)[0]

    def about(self, name: str) -> dict[str, Any]:
        """Returns what else was said when `name` was registered. Raises as `get`."""
        return self._entry(name)[1]

    def _entry(self, name):
        self._load()
        if name not in self._entries:
            close = difflib.get_close_matches(str(name), self._entries, n=3, cutoff=0.4)
            raise ValueError(
                f"There is no such {self.kind}; the closest are {close or self.list()}. "
                f"Received: {self.kind}={name!r}"
            )
        return self._entries[name]

    def _load(self):
        import_modules(self._package)
        load_plugins()


@functools.cache
def import_modules(package: str):
    """Imports all modules of a package, which register what they hold."""
    path = importlib.import_module(package).__path__
    for module in pkgutil.iter_modules(path, f"{package}."):
        importlib.import_module(module.name)


@functools.cache
def _load_plugins(names):
    modules = []
    for point in importlib.metadata.entry_points(group=ENTRY_POINTS):
        modules.append((point.module, f"The entry point {point.name!r} of {ENTRY_POINTS}"))
    modules += [(name, f"The environment variable {VARIABLE}") for name in names]
    for name, place in modules:
        try:
            importlib.import_module(name)
        except ImportError as error:
            raise ValueError(
                f"{place} must name a module that can be imported. Received: {name!r} ({error})"
            ) from error
    return tuple(name for name, _ in modules)


def load_plugins() -> tuple[str, ...]:
    """Imports all plug-ins that have not been imported.

    Returns:
        The names of their modules.

    Raises:
        ValueError: one can't be imported; names it and where it was named.
    """
    names = os.environ.get(VARIABLE, "").split(",")
    return _load_plugins(tuple(name.strip() for name in names if name.strip()))


BACKBONES = Registry("backbone", "rstg_tf.backbones")
HEADS = Registry("head", "rstg_tf.models")
SOURCES = Registry("source", "rstg_tf.data.synthetic")
EXPERIMENTS = Registry("experiment", "rstg_tf.experiments")
