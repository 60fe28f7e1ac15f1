"""Packages whose names and parts are imported when they are first used (PEP 562)."""

import importlib
import pkgutil
import sys
from collections.abc import Callable, Mapping


def attach(package: str, places: Mapping[str, str]) -> tuple[Callable, Callable]:
    """Makes the functions `__getattr__` and `__dir__` of a package.

    Args:
        package: the package's `__name__`.
        places: from each public name to the module below the package that defines it. Modules
            below the package are attributes by themselves.

    Returns:
        `(__getattr__, __dir__)`.
    """

    def parts():
        return {module.name for module in pkgutil.iter_modules(sys.modules[package].__path__)}

    def get(name):
        if name in places:
            value = getattr(importlib.import_module(f"{package}.{places[name]}"), name)
            return vars(sys.modules[package]).setdefault(name, value)
        if name in parts():
            return importlib.import_module(f"{package}.{name}")
        raise AttributeError(f"module {package!r} has no attribute {name!r}")

    def names():
        return sorted({*vars(sys.modules[package]), *places, *parts()})

    return get, names
