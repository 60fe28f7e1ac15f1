"""Strict changes to a config: from a dict, a YAML file or `a.b=c,d=e`."""

import dataclasses
import difflib
import pathlib
import reprlib
import types
import typing

import yaml
from official.modeling import hyperparams

_MAX_BYTES = 2**20
_MAX_VALUES = 10_000
_MERGE = "tag:yaml.org,2002:merge"


def apply_overrides(config, overrides):
    """Changes a config.

    Args:
        config: a config; it is changed in place.
        overrides: a nested dict, or a string `"trainer.train_steps=100,model.dropout=0.5"`.

    Returns:
        `config`.

    Raises:
        ValueError: if the string can't be read, or a setting does not exist (the closest ones are
            named), or its value is not of the setting's type.
    """
    if isinstance(overrides, str):
        try:
            overrides = _load(hyperparams.nested_csv_str_to_json_str(overrides), yaml.SafeLoader)
        except ValueError as error:
            raise ValueError(
                f'Overrides are written as "a.b=c,d=e". Received: {_shown(overrides)}'
            ) from error
    _apply(config, overrides, "", sorted(_paths(config)))
    return config


def apply_file(config, path):
    """Changes a config as a YAML file says.

    Args:
        config: a config; it is changed in place.
        path: file with a nested mapping of the settings to change.

    Returns:
        `config`.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: as `apply_overrides`, with the file's name.
    """
    overrides = read_mapping(path)
    try:
        return apply_overrides(config, overrides)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error


def read_mapping(path):
    """Reads a dict from a YAML file. Repeated keys or too much content raise a ValueError."""
    path = pathlib.Path(path)
    if path.stat().st_size > _MAX_BYTES:
        raise ValueError(
            f"{path} must be a YAML file of settings, {_MAX_BYTES} bytes at most. "
            f"Received: {path.stat().st_size} bytes"
        )
    try:
        mapping = _load(path.read_bytes(), _Loader)
    except ValueError as error:
        raise ValueError(f"{path} is no YAML file of settings: {error}") from error
    if not isinstance(mapping, dict):
        raise ValueError(f"{path} must hold a mapping. Received: {_shown(mapping)}")
    return mapping


def _load(text, loader):
    """Reads YAML, `{}` if empty. A ValueError also stops aliases of aliases that grow huge."""
    try:
        content = yaml.load(text, loader)
        _check_size(content)
    except RecursionError:
        raise ValueError("it is nested too deep, or in itself") from None
    except (yaml.YAMLError, ValueError, OverflowError) as error:
        raise ValueError(" ".join(str(error).split())) from error
    return {} if content is None else content


class _Loader(yaml.SafeLoader):
    """Rejects duplicate keys."""

    def construct_mapping(self, node, deep=False):
        """PyYAML itself would take the last value."""
        keys = [key.value for key, _ in getattr(node, "value", ()) if key.tag != _MERGE]
        for key in keys:
            if isinstance(key, str) and keys.count(key) > 1:
                raise yaml.constructor.ConstructorError(
                    None, None, f"the key {key!r} stands there twice", node.start_mark
                )
        return super().construct_mapping(node, deep)


def _check_size(content):
    left, stack = _MAX_VALUES, [content]
    while stack:
        left -= 1
        if left < 0:
            raise ValueError(f"it holds more than {_MAX_VALUES} values, or itself")
        inner = stack.pop()
        if isinstance(inner, dict):
            stack += inner.values()
        elif isinstance(inner, (list, tuple, set)):
            stack += inner


def _shown(value):
    return reprlib.repr(value) if not isinstance(value, str) else repr(value[:1000])


def _apply(config, overrides, prefix, known):
    hints = typing.get_type_hints(type(config))
    names = [field.name for field in dataclasses.fields(config)]
    for name, value in overrides.items():
        path = f"{prefix}{name}"
        if name not in names:
            while isinstance(value, dict) and value:
                name, value = next(iter(value.items()))
                path = f"{path}.{name}"
            path = path[:200]
            raise ValueError(
                f"There is no setting {path!r}; the closest are {_closest(path, known)}. "
                f"Received: {path}={_shown(value)}"
            )
        section = _section(hints[name])
        if section is None or value is None:
            setattr(config, name, _convert(hints[name], value, path))
            continue
        if not isinstance(value, dict):
            raise ValueError(
                f"{path!r} holds settings of its own. Received: {path}={_shown(value)}"
            )
        if getattr(config, name) is None:
            setattr(config, name, section())
        _apply(getattr(config, name), value, f"{path}.", known)


def _closest(path, known):
    """The three known settings that are most like `path`, their last names above all."""

    def likeness(setting):
        ours, theirs = path.rpartition(".")[2], setting.rpartition(".")[2]
        alike = difflib.SequenceMatcher(None, path, setting).ratio()
        return alike + difflib.SequenceMatcher(None, ours, theirs).ratio() + (ours in theirs)

    return sorted(known, key=likeness, reverse=True)[:3]


def _paths(config, prefix=""):
    """Dotted names of all settings, also of the choices that are not taken."""
    hints = typing.get_type_hints(type(config))
    for field in dataclasses.fields(config):
        section = _section(hints[field.name])
        if section is None:
            yield f"{prefix}{field.name}"
        else:
            yield from _paths(getattr(config, field.name) or section(), f"{prefix}{field.name}.")


def _alternatives(hint):
    if typing.get_origin(hint) in (typing.Union, types.UnionType):
        return typing.get_args(hint)
    return (hint,)


def _section(hint):
    """The config class that a setting of this type holds, or None for a plain value."""
    for choice in _alternatives(hint):
        if isinstance(choice, type) and issubclass(choice, hyperparams.Config):
            return choice
    return None


def _convert(hint, value, path):
    """Returns `value` as the type of the setting; YAML reads 1e-3 as a string."""
    for choice in _alternatives(hint):
        origin = typing.get_origin(choice) or choice
        if origin is type(None) and value is None:
            return None
        if origin in (int, float) and isinstance(value, (int, float, str)):
            if isinstance(value, bool):
                continue
            if origin is int and isinstance(value, int):
                return value
            try:
                number = float(value)
            except (ValueError, OverflowError):
                continue
            if origin is float or number.is_integer():
                return origin(number)
        elif origin in (list, tuple) and isinstance(value, (list, tuple)):
            return origin(_convert(typing.get_args(choice)[0], item, path) for item in value)
        elif origin in (bool, str) and isinstance(value, origin):
            return value
    expected = getattr(hint, "__name__", str(hint)) if typing.get_origin(hint) is None else hint
    raise ValueError(f"{path!r} must be {expected}. Received: {path}={_shown(value)}")
