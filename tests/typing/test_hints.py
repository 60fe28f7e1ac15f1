"""What `rstg_tf` itself offers has type hints; `make lint` checks that they are true."""

import inspect

import pytest

import rstg_tf


def functions(value):
    """Yields what users call of a public name, each with its name: itself, or its own methods."""
    if inspect.isfunction(value):
        yield value.__name__, value
        return
    for name, member in vars(value).items():
        public = not name.startswith("_") or name in CALLED
        if inspect.isfunction(member) and public and not dataclass_made(value, name):
            yield f"{value.__name__}.{name}", member


CALLED = ("__init__", "__call__")


def dataclass_made(value, name):
    return name == "__init__" and hasattr(value, "__dataclass_fields__")


@pytest.mark.parametrize("name", rstg_tf.__all__)
def test_public_names_have_hints(name):
    for called, function in functions(getattr(rstg_tf, name)):
        signature = inspect.signature(function)
        missing = [
            parameter.name
            for parameter in signature.parameters.values()
            if parameter.annotation is parameter.empty
            and parameter.name != "self"
            and parameter.kind is not parameter.VAR_KEYWORD
        ]
        assert not missing, (called, missing)
        assert signature.return_annotation is not signature.empty, called
