"""Strict changes to a config: from a dict, a YAML file or `a.b=c,d=e`."""

import dataclasses
import difflib
import types
import typing

import yaml
from official.modeling import hyperparams


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
            overrides = yaml.safe_load(hyperparams.nested_csv_str_to_json_str(overrides)) or {}
        except (ValueError, yaml.YAMLError) as error:
            raise ValueError(
                f'Overrides are written as "a.b=c,d=e". Received: {overrides!r}'
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
    with open(path, encoding="utf-8") as file:
        try:
            overrides = yaml.safe_load(file) or {}
        except yaml.YAMLError as error:
            raise ValueError(f"{path} is no YAML file: {error}") from error
    if not isinstance(overrides, dict):
        raise ValueError(f"{path} must hold a mapping. Received: {overrides!r}")
    try:
        return apply_overrides(config, overrides)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error


def _apply(config, overrides, prefix, known):
    hints = typing.get_type_hints(type(config))
    names = [field.name for field in dataclasses.fields(config)]
    for name, value in overrides.items():
        path = f"{prefix}{name}"
        if name not in names:
            while isinstance(value, dict) and value:
                name, value = next(iter(value.items()))
                path = f"{path}.{name}"
            raise ValueError(
                f"There is no setting {path!r}; the closest are {_closest(path, known)}. "
                f"Received: {path}={value!r}"
            )
        section = _section(hints[name])
        if section is None or value is None:
            setattr(config, name, _convert(hints[name], value, path))
            continue
        if not isinstance(value, dict):
            raise ValueError(f"{path!r} holds settings of its own. Received: {path}={value!r}")
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
            try:
                number = float(value)
            except ValueError:
                continue
            if origin is float or number.is_integer():
                return origin(number)
        elif origin in (list, tuple) and isinstance(value, (list, tuple)):
            return origin(_convert(typing.get_args(choice)[0], item, path) for item in value)
        elif origin in (bool, str) and isinstance(value, origin):
            return value
    expected = getattr(hint, "__name__", str(hint)) if typing.get_origin(hint) is None else hint
    raise ValueError(f"{path!r} must be {expected}. Received: {path}={value!r}")
