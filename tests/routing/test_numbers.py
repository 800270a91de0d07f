from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routing.numbers import (
    MAX_USER_LENGTH,
    NumberRule,
    country_of,
    is_country,
    is_e164,
    read_number,
    write_number,
)


@pytest.mark.parametrize(
    ("raw", "e164"),
    [
        ("+14155550100", "+14155550100"),
        ("+15550100", "+15550100"),
        ("14155550100", "+14155550100"),
        ("15550100", "+15550100"),
        ("0014155550100", "+14155550100"),
        ("004930123456", "+4930123456"),
        ("+1 (415) 555-0100", "+14155550100"),
        ("+1-415-555-0100", "+14155550100"),
        ("%2B14155550100", "+14155550100"),
        ("+14155550100;phone-context=example.com", "+14155550100"),
    ],
)
def test_an_e164_trunk_may_write_a_number_in_several_ways(raw: str, e164: str) -> None:
    read = read_number(raw)
    assert (read.raw, read.e164, read.key) == (raw, e164, e164)


@pytest.mark.parametrize(
    ("raw", "why"),
    [
        ("1001", "too short"),
        ("911", "too short"),
        ("030123456", "starts with 0"),
        ("00", "no E.164 number follows"),
        ("0001234", "no E.164 number follows"),
        ("+0301234567", "not E.164"),
        ("1234567890123456", "longer than the 15 digits"),
        ("alice", "not a telephone number"),
        ("+49abc", "not a telephone number"),
        ("anonymous", "withheld"),
        ("Anonymous", "withheld"),
        ("", "withheld"),
        ("x" * (MAX_USER_LENGTH + 1), "longer than"),
        ("\u0661\u0664\u0661\u0665\u0665\u0665\u0660\u0661\u0660\u0660", "not a telephone number"),
    ],
)
def test_what_is_no_number_keeps_its_text_and_says_why(raw: str, why: str) -> None:
    read = read_number(raw)
    assert read.e164 is None
    assert why in read.finding
    assert read.raw == raw[:MAX_USER_LENGTH]


@pytest.mark.parametrize(
    ("raw", "country", "e164"),
    [
        ("030 123456", "DE", "+4930123456"),
        ("00 1 415 555 0100", "DE", "+14155550100"),
        ("+4930123456", "DE", "+4930123456"),
        ("4155550100", "US", "+14155550100"),
        ("011 49 30 123456", "US", "+4930123456"),
        ("020 7946 0018", "GB", "+442079460018"),
        ("06 1234 5678", "IT", "+390612345678"),
    ],
)
def test_a_national_trunk_writes_numbers_as_dialled_there(raw: str, country: str, e164: str) -> None:
    assert read_number(raw, NumberRule.NATIONAL, country).e164 == e164


@pytest.mark.parametrize(
    ("raw", "country"), [("1", "DE"), ("030123456", None), ("9" * 20, "US"), ("112", "DE"), ("5550100", "US")]
)
def test_a_national_number_that_cannot_be_is_none(raw: str, country: str | None) -> None:
    assert read_number(raw, NumberRule.NATIONAL, country).e164 is None


def test_a_raw_trunk_leaves_extensions_alone() -> None:
    assert read_number("1001", NumberRule.RAW).key == "1001"
    assert read_number("1001", NumberRule.RAW).e164 is None
    assert read_number("14155550100", NumberRule.RAW).e164 is None
    assert read_number("+14155550100", NumberRule.RAW).e164 == "+14155550100"
    assert read_number("sales;ext=1", NumberRule.RAW).key == "sales"


@given(st.text(max_size=200), st.sampled_from(NumberRule), st.sampled_from(["US", "DE", "xx", "", None]))
def test_reading_never_raises_and_gives_e164_or_nothing(
    raw: str, rule: NumberRule, country: str | None
) -> None:
    read = read_number(raw, rule, country)
    assert read.e164 is None or (is_e164(read.e164) and read.key == read.e164)
    assert read.finding


@given(st.text(alphabet="+0123456789-. ()", max_size=24), st.sampled_from(["US", "DE", "JP", "BR", "IT"]))
def test_a_number_that_was_read_is_read_again_as_itself(raw: str, country: str) -> None:
    for rule in NumberRule:
        e164 = read_number(raw, rule, country).e164
        assert e164 is None or read_number(e164, rule, country).e164 == e164


@pytest.mark.parametrize(
    ("e164", "country", "written"),
    [
        ("+4930123456", "DE", "030123456"),
        ("+14155550100", "DE", "0014155550100"),
        ("+14155550100", "US", "4155550100"),
        ("+4930123456", "US", "0114930123456"),
        ("+390612345678", "IT", "0612345678"),
    ],
)
def test_a_number_is_written_as_dialled_on_a_national_trunk(e164: str, country: str, written: str) -> None:
    assert write_number(e164, NumberRule.NATIONAL, country) == written
    assert read_number(written, NumberRule.NATIONAL, country).e164 == e164


@pytest.mark.parametrize("rule", [NumberRule.E164, NumberRule.RAW])
def test_other_trunks_get_the_number_with_its_plus(rule: NumberRule) -> None:
    assert write_number("+14155550100", rule, "US") == "+14155550100"


@given(st.from_regex(r"\+[1-9][0-9]{1,14}", fullmatch=True), st.sampled_from(["US", "DE", "xx"]))
def test_writing_never_raises_and_never_writes_nothing(e164: str, country: str) -> None:
    assert write_number(e164, NumberRule.NATIONAL, country)


@pytest.mark.parametrize(
    ("text", "good"),
    [
        ("+15550100", True),
        ("+12", True),
        ("+1", False),
        ("15550100", False),
        ("+0123", False),
        ("+1234567890123456", False),
        ("+15550100\n", False),
        ("+1\u0661\u0661", False),
    ],
)
def test_e164_is_plus_and_up_to_15_digits(text: str, good: bool) -> None:
    assert is_e164(text) is good


def test_the_country_of_a_number() -> None:
    assert country_of("+4930123456") == "DE"
    assert country_of("+14155550100") == "US"
    assert country_of("+15550100") == "US"
    assert country_of("+870773111632") is None  # Inmarsat
    assert country_of("+999") is None
    assert is_country("DE")
    assert not is_country("de")
    assert not is_country("XX")
