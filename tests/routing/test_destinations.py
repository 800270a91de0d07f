from __future__ import annotations

import pytest

from routing.destinations import DestinationRules, refused_destination


def code(rules: DestinationRules, number: str) -> str | None:
    refusal = refused_destination(rules, number)
    return None if refusal is None else refusal.code


@pytest.mark.parametrize(
    "number",
    [
        "+19005551234",  # United States 900
        "+499001234567",  # Germany 0900
        "+449098790000",  # United Kingdom 09
        "+33899123456",  # France 0899
        "+881612345678",  # satellite
        "+8835100012345",
        "+979123456789",
    ],
)
def test_premium_rate_and_satellite_numbers_are_not_called_unless_allowed(number: str) -> None:
    assert code(DestinationRules(), number) == "premium_number"
    assert code(DestinationRules(allow_premium=True), number) is None
    assert code(DestinationRules(prefixes=(number[:5],)), number) is None


@pytest.mark.parametrize("number", ["+14155550123", "+4930123456", "+442079460000", "+491511234567"])
def test_without_rules_ordinary_numbers_are_called_anywhere(number: str) -> None:
    assert code(DestinationRules(), number) is None


def test_only_the_countries_named_are_called() -> None:
    rules = DestinationRules(countries=("DE", "US"))
    assert code(rules, "+4930123456") is None
    assert code(rules, "+14155550123") is None
    assert code(rules, "+12042345678") == "destination_not_allowed", "Canada has the same code"
    assert code(rules, "+442079460000") == "destination_not_allowed"
    assert code(rules, "+99912345") == "destination_not_allowed", "no country at all"


def test_a_prefix_is_enough_and_limits_when_it_is_alone() -> None:
    rules = DestinationRules(prefixes=("+4420",))
    assert code(rules, "+442079460000") is None
    assert code(rules, "+441632960000") == "destination_not_allowed"
    both = DestinationRules(countries=("DE",), prefixes=("+4420",))
    assert [code(both, number) for number in ("+442079460000", "+4930123456")] == [None, None]


def test_a_refusal_says_what_would_put_it_right() -> None:
    refusal = refused_destination(DestinationRules(countries=("DE",)), "+442079460000")
    assert refusal is not None
    assert "GB" in refusal.message
    assert "allowed_countries" in refusal.fix
