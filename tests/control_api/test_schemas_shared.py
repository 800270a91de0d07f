from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from control_api.envelope import duration
from control_api.schemas_shared import (
    MAX_OBJECT_BYTES,
    JsonObject,
    PhoneNumberIn,
    PhoneNumberQuery,
    UuidIn,
    duration_between,
    milliseconds,
)

UUID = "1f4baf16-1540-4d91-9696-7f34b2f2cb77"


def accepts(kind: Any, value: Any) -> bool:
    try:
        TypeAdapter(kind).validate_python(value)
    except ValidationError:
        return False
    return True


@given(st.integers(0, 10_000_000))
def test_a_duration_reads_back_as_it_was_written(value: int) -> None:
    text = duration(value)
    assert text is not None
    assert milliseconds(text) == value


@pytest.mark.parametrize(
    "text", ["", "s", "30", "30 s", "30S", "1m", "-1s", "1e3s", "٣s", ".5s", "1.s", 30, None]
)
def test_what_is_no_duration_is_refused(text: Any) -> None:
    with pytest.raises(ValueError, match="must be a duration"):
        milliseconds(text)


def test_a_duration_out_of_bounds_is_told_the_bounds() -> None:
    parse = duration_between(1_000, 60_000)
    assert parse("60s") == 60_000
    for text in ("0.999s", "60.001s"):
        with pytest.raises(ValueError, match='from "1s" to "60s"'):
            parse(text)


@pytest.mark.parametrize("text", [UUID, UUID.upper(), f"agent_{UUID}", f"call_{UUID}", UUID.replace("-", "")])
def test_identifiers_are_made_canonical(text: str) -> None:
    assert TypeAdapter(UuidIn).validate_python(text) == UUID


@pytest.mark.parametrize("value", ["", "agent_", f"{{{UUID}}}", f"unknown_{UUID}", UUID + "0", 5, None, b"x"])
def test_what_is_no_identifier_is_refused(value: Any) -> None:
    assert not accepts(UuidIn, value)


@given(st.from_regex(r"\A\+[1-9][0-9]{1,14}\Z"))
def test_every_e164_number_is_accepted(number: str) -> None:
    assert accepts(PhoneNumberIn, number)


@given(st.text(alphabet="+0123456789 -()\n٣", max_size=20))
def test_nothing_else_is_a_phone_number(text: str) -> None:
    digits = text[1:]
    valid = text[:1] == "+" and digits.isascii() and digits.isdigit()
    valid = valid and 2 <= len(digits) <= 15 and digits[0] != "0"
    assert accepts(PhoneNumberIn, text) == valid


def test_only_a_query_turns_a_space_into_a_plus() -> None:
    assert TypeAdapter(PhoneNumberQuery).validate_python(" 14155551234") == "+14155551234"
    assert not accepts(PhoneNumberIn, " 14155551234")


def test_a_json_object_has_a_size_and_valid_text() -> None:
    assert accepts(JsonObject, {"a": "x" * (MAX_OBJECT_BYTES - 8)})
    assert not accepts(JsonObject, {"a": "x" * MAX_OBJECT_BYTES})
    assert not accepts(JsonObject, {"a": "\ud800"})
    assert not accepts(JsonObject, [])
