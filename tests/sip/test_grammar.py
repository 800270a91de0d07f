from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sip.errors import ParseError
from sip.grammar import (
    end_of_quoted,
    format_parameters,
    is_token,
    parse_host_port,
    parse_number,
    parse_parameters,
    quote,
    readable,
    split_comma,
    split_unquoted,
    unquote,
)


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ('"A" <sip:a>, "B" <sip:b>', ['"A" <sip:a>', '"B" <sip:b>']),
        ('"Doe, John" <sip:a>', ['"Doe, John" <sip:a>']),
        ("<sip:a,b@h>,<sip:c>", ["<sip:a,b@h>", "<sip:c>"]),
        (r'"a\",b" <sip:a>, <sip:b>', [r'"a\",b" <sip:a>', "<sip:b>"]),
        (r'"ends with backslash\\", x', [r'"ends with backslash\\"', "x"]),
        ("a,, ,b,", ["a", "b"]),
        ("", []),
        ("  alone  ", ["alone"]),
        ('"never closed, <sip:a>', ['"never closed, <sip:a>']),
        ("a, <never closed, b", ["a", "<never closed, b"]),
    ],
)
def test_commas_separate_only_outside_quotes_and_brackets(text: str, parts: list[str]) -> None:
    assert split_comma(text) == parts


@given(st.lists(st.sampled_from(['"a,b"', "<sip:x,y>", "plain", '"\\""', '"\\\\"', "<a>"]), min_size=1))
def test_joined_elements_come_apart_again(parts: list[str]) -> None:
    assert split_comma(", ".join(parts)) == parts


def test_separators_in_quotes_do_not_cut() -> None:
    assert split_unquoted('a=";";b', ";") == ['a=";"', "b"]
    assert split_unquoted('a="never;b', ";") == ['a="never;b']
    assert split_unquoted("a;;b", ";") == ["a", "", "b"]


@pytest.mark.parametrize(
    ("text", "parameters"),
    [
        (";branch=z9hG4bK+a*b==;RPORT", {"branch": "z9hG4bK+a*b==", "rport": None}),
        ('; Text = "a;b\\"c" ;x', {"text": 'a;b"c', "x": None}),
        (";;,;a=1;a=2", {",": None, "a": "1"}),
        (";empty=", {"empty": ""}),
        ("", {}),
    ],
)
def test_parameters_are_read(text: str, parameters: dict[str, str | None]) -> None:
    assert parse_parameters(text) == parameters


@pytest.mark.parametrize("text", [';a="open', ';a="closed"rubbish', ';a="x\\"'])
def test_parameter_with_unbalanced_quote_is_refused(text: str) -> None:
    with pytest.raises(ParseError):
        parse_parameters(text)


@given(
    st.dictionaries(
        st.text("abcdefghijklmnopqrstuvwxyz-", min_size=1),
        st.none() | st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters="\r\n")),
    )
)
def test_written_parameters_are_read_back(parameters: dict[str, str | None]) -> None:
    assert parse_parameters(format_parameters(parameters)) == parameters


@given(st.text())
def test_quoting_is_undone_by_unquoting(text: str) -> None:
    assert unquote(quote(text)) == text
    assert end_of_quoted(quote(text), 0) == len(quote(text))


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [
        ("pbx1", "pbx1", None),
        ("sip_proxy.internal:5070", "sip_proxy.internal", 5070),
        ("3f2a9c1b7d4e:5060", "3f2a9c1b7d4e", 5060),
        ("192.0.2.1 : 5060", "192.0.2.1", 5060),
        ("[2001:db8::1]", "2001:db8::1", None),
        ("[2001:db8::1]:5061", "2001:db8::1", 5061),
        ("2001:db8::1", "2001:db8::1", None),
        ("example.com.", "example.com.", None),
    ],
)
def test_hosts_of_the_field_are_read(text: str, host: str, port: int | None) -> None:
    assert parse_host_port(text, "Via") == (host, port)


@pytest.mark.parametrize(
    "text",
    [
        "",
        ":5060",
        "h:",
        "h:-1",
        "h:65536",
        "h:5o60",
        "a b",
        "[::1",
        "[::1]x",
        "[]:5",
        "h\u00e9te",
        "a/b",
        "1:2:3:/",
    ],
)
def test_malformed_host_is_refused(text: str) -> None:
    with pytest.raises(ParseError):
        parse_host_port(text, "Via")


@pytest.mark.parametrize("text", ["", "-1", "+1", "1_000", "0x10", "1.5", "٣", "9" * 5000, "4294967296"])
def test_number_is_digits_within_range_and_nothing_else(text: str) -> None:
    with pytest.raises(ParseError):
        parse_number(text, "Expires")


def test_number_may_have_leading_zeros() -> None:
    assert parse_number(" 0068 ", "Max-Forwards") == 68


def test_readable_text_has_neither_control_characters_nor_undecodable_bytes() -> None:
    assert readable("plain") == "plain"
    assert readable(b"J\xf6rg".decode("utf-8", "surrogateescape")) == "Jörg"
    assert readable("Jörg\x00\x07") == "Jörg"


def test_token_is_not_empty_and_holds_no_delimiters() -> None:
    assert is_token("a-.!%*_+`'~9")
    assert not is_token("")
    assert not is_token("a b")
    assert not is_token("é")
