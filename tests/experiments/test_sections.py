from collections.abc import Sequence
from typing import Annotated, Literal

import pytest

from rstg_tf.experiments import apply_overrides, config, to_plain
from rstg_tf.experiments.sections import make_section
from rstg_tf.registry import Arguments


def inner(size: int = 3, name: str | None = None):
    """What `outer` has arguments for."""


def outer(
    width: float = 1.0,
    plain=5,
    kind: Literal["a", "b"] = "a",
    scales: Sequence[int | tuple[int, int]] = (2, 1),
    window: Sequence[int] | None = None,
    options: Annotated[dict, Arguments(inner)] | None = None,
    always: Annotated[dict, Arguments(inner, hidden=("name",))] = (("size", 4),),
    hidden=print,
    **more,
):
    """Has arguments of every kind that a setting can be."""


def test_a_section_has_the_arguments_of_a_signature():
    section = make_section(outer, ("hidden",))()
    plain = {"width": 1.0, "plain": 5, "kind": "a", "scales": [2, 1], "window": None}
    assert to_plain(section) == {**plain, "options": None, "always": {"size": 4}}
    apply_overrides(section, "width=2,scales=[3,2],window=[1,2],options.size=5,always.size=6")
    assert (section.width, section.scales, section.window) == (2.0, (3, 2), (1, 2))
    assert to_plain(section.options) == {"size": 5, "name": None}
    for override in ("plain=many", "width=wide", "scales=3", "always.name=a", "more=1"):
        with pytest.raises(ValueError, match="Received: "):
            apply_overrides(section, override)


def test_what_can_be_no_setting_is_named():
    def needs(argument):
        pass

    for function, named in ((needs, "argument of needs"), (outer, "hidden of outer")):
        with pytest.raises(ValueError, match=f"setting must.*Received: {named}"):
            make_section(function)


def test_the_settings_of_a_choice_are_strict():
    assert config.backbone("simple_conv", filters=[4]).simple_conv.filters == (4,)
    with pytest.raises(ValueError, match=r"closest.*'mean_lstm'.*Received: head='mean_lst'"):
        config.head("mean_lst")
    with pytest.raises(ValueError, match=r"no setting 'unit'.*'units'"):
        config.head("mean", unit=3)
