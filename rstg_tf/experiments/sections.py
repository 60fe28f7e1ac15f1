"""Sections of settings made from the signatures of what they are the arguments of."""

import collections.abc
import dataclasses
import functools
import inspect
import operator
import types
import typing

from official.modeling import hyperparams

from rstg_tf.experiments.overrides import apply_overrides
from rstg_tf.registry import Arguments

_PLAIN = (bool, int, float, str, types.NoneType)
_SEQUENCES = (tuple, list, collections.abc.Sequence)


@functools.cache
def make_section(constructor, hidden=()):
    """Makes a `hyperparams.Config` class with a setting for each argument of a constructor.

    Those that are `hidden`, or set by a `functools.partial`, are left out. An argument without a
    default, or of a type that no setting can have, raises a ValueError.
    """
    named = constructor
    if isinstance(constructor, functools.partial):
        hidden, named = (*hidden, *constructor.keywords), constructor.func
    parameters = inspect.signature(constructor, eval_str=True).parameters.values()
    fields = [
        _field(parameter, named.__name__)
        for parameter in parameters
        if parameter.kind is not parameter.VAR_KEYWORD and parameter.name not in hidden
    ]
    return dataclasses.make_dataclass(named.__name__, fields, bases=(hyperparams.Config,))


def choose(registry, type, **settings):
    """Makes a `hyperparams.OneOfConfig` of everything registered, with `type` chosen and set."""
    sections = {
        name: make_section(registry.get(name), tuple(registry.about(name).get("hidden", ())))
        for name in registry.list()
    }
    registry.get(type)
    config = _make_choice(registry.kind.title(), tuple(sections.items()))()
    config.type = type
    apply_overrides(config.get(), settings)
    return config


@functools.cache
def _make_choice(name, sections):
    fields = [(n, section, dataclasses.field(default_factory=section)) for n, section in sections]
    return dataclasses.make_dataclass(name, fields, bases=(hyperparams.OneOfConfig,))


def _field(parameter, owner):
    name, hint, default = parameter.name, parameter.annotation, parameter.default
    if default is parameter.empty:
        raise ValueError(f"A setting must have a default. Received: {name} of {owner}")
    marks = [mark for choice in _choices(hint) for mark in getattr(choice, "__metadata__", ())]
    arguments = next((mark for mark in marks if isinstance(mark, Arguments)), None)
    if arguments is not None:
        section = make_section(arguments.of, arguments.hidden)
        if default is None:  # Model Garden does not find a section in `section | None`.
            return name, typing.Optional[section], None  # noqa: UP045
        make_default = functools.partial(section, dict(default))
        return name, section, dataclasses.field(default_factory=make_default)
    kind = _setting_type(type(default) if hint is parameter.empty else hint)
    if kind in (None, types.NoneType):
        raise ValueError(
            "A setting must be annotated as a bool, int, float, str, a sequence of one of these, "
            f"or `Arguments`. Received: {name} of {owner}, annotated as {hint}"
        )
    return name, kind, default


def _setting_type(hint):
    """The type of a setting that comes closest to an annotation, or None."""
    if typing.get_origin(hint) is typing.Annotated:
        return _setting_type(typing.get_args(hint)[0])
    if len(_choices(hint)) > 1:
        kinds = [kind for choice in _choices(hint) if (kind := _setting_type(choice))]
        return functools.reduce(operator.or_, kinds) if kinds else None
    if typing.get_origin(hint) is typing.Literal:
        return type(typing.get_args(hint)[0])
    if typing.get_origin(hint) in _SEQUENCES:
        items = [item for arg in typing.get_args(hint) for item in _choices(arg) if item in _PLAIN]
        return tuple[items[0], ...] if items else None
    return hint if hint in _PLAIN else None


def _choices(hint):
    is_union = typing.get_origin(hint) in (typing.Union, types.UnionType)
    return typing.get_args(hint) if is_union else (hint,)
