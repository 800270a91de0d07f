from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sip.errors import ParseError
from sip.uri import SipUri


def test_all_parts_are_read() -> None:
    uri = SipUri.parse(
        "sips:alice:secret@atlanta.example.com:5061;transport=TCP;lr?Subject=x&Priority=urgent"
    )
    assert (uri.scheme, uri.user, uri.password, uri.host, uri.port) == (
        "sips",
        "alice",
        "secret",
        "atlanta.example.com",
        5061,
    )
    assert uri.transport == "tcp"
    assert uri.is_loose_route
    assert uri.header("priority") == "urgent"


@pytest.mark.parametrize(
    "text",
    [
        "sip:+15550100@198.51.100.7:5060;user=phone",
        "sip:pbx1",
        "sip:user@sip_proxy:5070",
        "sip:[2001:db8::10]:5060;transport=udp",
        "sip:user;par=u%40example.net@example.com",
        "sip:a:@h",
        "sip:u@h;lr=on?Route=%3Csip:x%3E",
        "tel:+1-201-555-0123;phone-context=example.com",
        "urn:service:sos",
        "mailto:someone@example.com",
        "sip:alice@example.com@proxy.example.com",
    ],
)
def test_uri_that_is_read_is_written_as_it_was(text: str) -> None:
    assert str(SipUri.parse(text)) == text


def test_scheme_in_upper_case_is_the_same_scheme() -> None:
    uri = SipUri.parse("SIP:alice@example.com")
    assert (uri.scheme, uri.user, uri.host) == ("sip", "alice", "example.com")


def test_refer_to_with_replaces_header_is_read() -> None:
    uri = SipUri.parse("sip:x@h?Replaces=call%40host%3Bto-tag%3D1%3Bfrom-tag%3D2")
    assert uri.host == "h"
    assert uri.header("Replaces") == "call@host;to-tag=1;from-tag=2"
    assert str(uri.as_request_uri()) == "sip:x@h"


def test_unescaped_at_in_uri_headers_does_not_move_the_host() -> None:
    uri = SipUri.parse("sip:x@h?Replaces=call@host;to-tag=1")
    assert (uri.user, uri.host, uri.headers) == ("x", "h", "Replaces=call@host;to-tag=1")


def test_mail_address_as_user_keeps_its_at() -> None:
    uri = SipUri.parse("sip:alice@corp.example@proxy.example.com")
    assert (uri.user, uri.host) == ("alice@corp.example", "proxy.example.com")


def test_unknown_scheme_is_carried_and_known_as_unsupported() -> None:
    uri = SipUri.parse("nobodyKnowsThisScheme:totallyopaquecontent")
    assert not uri.is_supported
    assert uri.opaque == "totallyopaquecontent"


def test_tel_uri_has_its_number_as_user() -> None:
    uri = SipUri.parse("tel:+1-201-555-0123;isub=1411")
    assert (uri.user, uri.host, uri.parameters) == ("+1-201-555-0123", "", {"isub": "1411"})
    assert uri.telephone_number == "+12015550123"


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("sip:+1(201)555.0123@h", "+12015550123"),
        ("sip:%2B12015550123@h", "+12015550123"),
        ("sip:100;phone-context=x@h", "100"),
        ("sip:alice@h", None),
        ("sip:h", None),
    ],
)
def test_telephone_number_is_told_from_a_name(text: str, number: str | None) -> None:
    assert SipUri.parse(text).telephone_number == number


def test_user_that_is_not_utf8_is_readable() -> None:
    assert SipUri.parse("sip:J%F6rg@h").user_decoded == "Jörg"
    assert SipUri.parse("sip:J%C3%B6rg@h").user_decoded == "Jörg"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "alice",
        "sip:",
        "sip:@h",
        "sip:a@",
        "sip:a b@h",
        "sip:<a@h>",
        'sip:"a"@h',
        "sip:a@h:port",
        "sip:a@h:99999",
        "sip:a\tb@h",
        "tel:",
        ":x",
        "1 2:x",
        "s\u00efp:x",
        "sip:a@h\x00",
    ],
)
def test_malformed_uri_is_refused(text: str) -> None:
    with pytest.raises(ParseError):
        SipUri.parse(text)


def test_equal_uris_have_equal_hashes() -> None:
    assert len({SipUri.parse("sip:a@h;lr"), SipUri.parse("sip:a@h;lr")}) == 1


@given(st.text())
def test_any_text_is_read_or_refused_and_what_is_read_is_stable(text: str) -> None:
    try:
        uri = SipUri.parse("sip:" + text)
    except ParseError:
        return
    assert SipUri.parse(str(uri)) == uri
