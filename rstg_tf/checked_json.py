"""JSON that others may have damaged or made: read whole, of the form that is expected."""

import json
import math

_MAX_BYTES = 2**28


class Optional(str):
    """A key of a form that may be missing."""

    __slots__ = ()


def parse(content, form, what, path):
    """Parses JSON (str or UTF-8 bytes) that must have a form; `what` and `path` name it in errors.

    A form is a type (`int` takes no bool, `float` also ints, `object` anything), `None`, a tuple of
    alternatives, `[form]` for a list, `{str: form}` for any keys, or `{"key": form,
    Optional("other"): form}`, where further keys are fine. Damaged JSON, numbers that are not
    finite and repeated keys raise a ValueError, too.
    """
    try:
        if len(content) > _MAX_BYTES:
            raise ValueError(f"it has more than {_MAX_BYTES} bytes")
        value = json.loads(
            content,
            parse_constant=_number,
            parse_float=_number,
            parse_int=_integer,
            object_pairs_hook=_object,
        )
        _check(value, form, "")
    except RecursionError:
        raise ValueError(f"{what} is damaged (it is nested too deep). Received: {path}") from None
    except ValueError as error:
        raise ValueError(f"{what} is damaged ({error}). Received: {path}") from error
    return value


def read(path, form, what):
    """Parses a file as `parse` does, without reading more of it than JSON may have."""
    with open(path, "rb") as file:
        return parse(file.read(_MAX_BYTES + 1), form, what, path)


def _number(text):
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"it holds {text}, which is not a finite number")
    return value


def _integer(text):
    value = int(text)
    if abs(value) >= 2**64:
        raise ValueError(f"it holds a whole number of {len(text)} digits")
    return value


def _object(pairs):
    made = dict(pairs)
    if len(made) < len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in keys if keys.count(key) > 1)
        raise ValueError(f"it holds the key {twice!r} twice")
    return made


def _check(value, form, place):
    if isinstance(form, tuple):
        _check_one_of(value, form, place)
    elif isinstance(form, list):
        _check_type(value, list, place)
        for number, item in enumerate(value):
            _check(item, form[0], f"{place}[{number}]")
    elif isinstance(form, dict):
        _check_type(value, dict, place)
        for key, inner in form.items():
            if key is str:
                for name, item in value.items():
                    _check(item, inner, f"{place}.{name}")
            elif key in value:
                _check(value[key], inner, f"{place}.{key}")
            elif not isinstance(key, Optional):
                raise ValueError(f"{place.lstrip('.') or 'it'} lacks {key!r}")
    else:
        _check_type(value, form, place)


def _check_one_of(value, forms, place):
    errors = []
    for form in forms:
        try:
            return _check(value, form, place)
        except ValueError as error:
            errors.append(str(error))
    raise ValueError(errors[-1])


def _check_type(value, kind, place):
    if kind is None:
        good = value is None
    elif kind in (int, float):
        allowed = (int, float) if kind is float else int
        good = isinstance(value, allowed) and not isinstance(value, bool)
    else:
        good = isinstance(value, kind)
    if not good:
        name = "null" if kind is None else kind.__name__
        raise ValueError(f"{place.lstrip('.') or 'it'} must be {name}, not {type(value).__name__}")
