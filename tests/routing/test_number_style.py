"""How a trunk writes numbers, and what may be called behind a prefix."""

from __future__ import annotations

import pytest

from routing.number_style import NumberStyle
from routing.numbers import NumberRule

GERMAN = NumberStyle(NumberRule.NATIONAL, "DE")


@pytest.mark.parametrize(
    ("style", "number", "dialled"),
    [
        (NumberStyle(), "+14155550100", "+14155550100"),
        (NumberStyle(leading_plus="strip"), "+14155550100", "14155550100"),
        (NumberStyle(leading_plus="add"), "+14155550100", "+14155550100"),
        (NumberStyle(leading_plus="strip", tech_prefix="8899#"), "+14155550100", "8899#14155550100"),
        (NumberStyle(tech_prefix="*7"), "+14155550100", "*7+14155550100"),
        (NumberStyle(NumberRule.NATIONAL, "DE", tech_prefix="9"), "+493012345678", "903012345678"),
    ],
)
def test_numbers_are_written_with_or_without_plus_and_prefix(
    style: NumberStyle, number: str, dialled: str
) -> None:
    assert style.dialled(number) == dialled


def test_our_own_number_has_no_prefix() -> None:
    assert NumberStyle(tech_prefix="8899#").written("+14155550100") == "+14155550100"


@pytest.mark.parametrize(
    ("style", "number"),
    [
        (NumberStyle(NumberRule.NATIONAL, "DE", tech_prefix="777"), "+49112"),
        (NumberStyle(leading_plus="strip", tech_prefix="9#"), "+1911"),
        (NumberStyle(NumberRule.NATIONAL, "DE", tech_prefix="1"), "+4912"),
    ],
)
def test_a_prefix_neither_hides_an_emergency_number_nor_makes_one(style: NumberStyle, number: str) -> None:
    assert style.is_emergency(number)


def test_other_numbers_behind_a_prefix_are_none() -> None:
    assert not NumberStyle(leading_plus="strip", tech_prefix="112#").is_emergency("+14155550100")


@pytest.mark.parametrize(
    ("style", "raw", "e164"),
    [
        (NumberStyle(NumberRule.RAW, leading_plus="strip"), "14155550100", "+14155550100"),
        (NumberStyle(NumberRule.RAW), "14155550100", None),
        (NumberStyle(NumberRule.RAW, leading_plus="strip"), "2001", None),
        (NumberStyle(NumberRule.NATIONAL, "DE", leading_plus="add"), "+03012345678", "+493012345678"),
    ],
)
def test_what_is_read_may_have_lost_or_got_a_plus(style: NumberStyle, raw: str, e164: str | None) -> None:
    assert style.read(raw).e164 == e164
