from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sip.errors import ParseError
from sip.extension_headers import (
    RAck,
    Reason,
    Replaces,
    RetryAfter,
    SessionExpires,
    SubscriptionState,
    Warning,
    parse_media_type,
)

PARSERS: list[Callable[[str], object]] = [
    Reason.parse,
    RetryAfter.parse,
    RAck.parse,
    SessionExpires.parse,
    Replaces.parse,
    SubscriptionState.parse,
    Warning.parse,
    parse_media_type,
]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('Q.850;cause=16;text="Normal; call clearing"', Reason("Q.850", 16, "Normal; call clearing")),
        ("SIP ; cause = 200", Reason("SIP", 200)),
        ("preemption", Reason("preemption")),
        ("120 (I'm in a meeting);duration=3600", RetryAfter(120, 3600)),
        ("5", RetryAfter(5)),
        ("776656 1 INVITE", RAck(776656, 1, "INVITE")),
        ("1800;refresher=UAC", SessionExpires(1800, "uac")),
        ("90 ; refresher=other", SessionExpires(90)),
        ("12adf2f34456gs5;to-tag=12345;from-tag=54321", Replaces("12adf2f34456gs5", "12345", "54321")),
        ("a@b;from-tag=1;to-tag=2;early-only", Replaces("a@b", "2", "1", True)),
        ('307 isi.edu "Session parameter \\"foo\\""', Warning(307, "isi.edu", 'Session parameter "foo"')),
        ("Terminated;reason=noresource", SubscriptionState("terminated", "noresource")),
        ("active;expires=60", SubscriptionState("active", None, 60)),
        ("terminated;retry-after=5", SubscriptionState("terminated", None, None, 5)),
    ],
)
def test_value_is_read_and_what_is_written_reads_back_the_same(text: str, value: object) -> None:
    parse: Callable[[str], object] = type(value).parse  # type: ignore[attr-defined]
    assert parse(text) == value
    assert parse(str(value)) == value


@pytest.mark.parametrize(
    ("parse", "text"),
    [
        (Reason.parse, ""),
        (Reason.parse, "SIP;cause=x"),
        (RetryAfter.parse, "949302838503028349304023988"),
        (RetryAfter.parse, "soon"),
        (RAck.parse, "1 INVITE"),
        (RAck.parse, "1 -1 INVITE"),
        (SessionExpires.parse, "-90"),
        (Replaces.parse, "call;to-tag=1"),
        (Replaces.parse, "call\r\nX: 1;to-tag=1;from-tag=2"),
        (Replaces.parse, "call;to-tag=1 2;from-tag=2"),
        (Replaces.parse, ";to-tag=1;from-tag=2"),
        (SubscriptionState.parse, ""),
        (SubscriptionState.parse, "active;expires=never"),
        (Warning.parse, "399"),
        (Warning.parse, 'x y "z"'),
        (parse_media_type, "application"),
        (parse_media_type, "application/"),
    ],
)
def test_malformed_value_is_refused(parse: Callable[[str], object], text: str) -> None:
    with pytest.raises(ParseError):
        parse(text)


def test_media_type_is_compared_in_lower_case_without_blanks() -> None:
    assert parse_media_type('Multipart / Mixed ; boundary="a;b"') == ("multipart/mixed", {"boundary": "a;b"})


@given(st.sampled_from(PARSERS), st.text())
def test_any_text_is_read_or_refused(parse: Callable[[str], object], text: str) -> None:
    try:
        parse(text)
    except ParseError:
        pass
