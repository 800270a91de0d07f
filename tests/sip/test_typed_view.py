from __future__ import annotations

import pytest

from sip.errors import ParseError
from sip.grammar import parse_number
from sip.typed_view import TypedView, forget_views, typed_view


class Thing:
    """Has one header and a view of it."""

    def __init__(self, raw: str) -> None:
        self.raw = raw
        self.parsed = 0
        self.blamed: list[str] = []

    def blame(self, error: ParseError) -> None:
        self.blamed.append(error.reason)

    @typed_view("Test-Number")
    def number(self) -> int:
        """The number."""
        self.parsed += 1
        return parse_number(self.raw, "Number")


def test_view_is_parsed_once() -> None:
    thing = Thing("7")
    assert (thing.number, thing.number, thing.parsed) == (7, 7, 1)


def test_value_given_beforehand_is_not_parsed() -> None:
    thing = Thing("7")
    thing.number = 8
    assert (thing.number, thing.parsed) == (8, 0)


def test_forgotten_view_is_parsed_anew() -> None:
    thing = Thing("7")
    assert thing.number == 7
    thing.raw = "9"
    forget_views(thing, "Other")
    assert thing.number == 7
    forget_views(thing, "Test-Number")
    assert thing.number == 9


def test_fault_is_blamed_on_its_owner_and_not_kept() -> None:
    thing = Thing("x")
    for _ in range(2):
        with pytest.raises(ParseError):
            _ = thing.number
    assert thing.blamed == ["Malformed Number"] * 2


def test_view_of_the_class_is_the_view_itself() -> None:
    assert isinstance(Thing.number, TypedView)
    assert Thing.number.__doc__ == "The number."
