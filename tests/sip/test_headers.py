from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sip.errors import ParseError
from sip.grammar import split_comma
from sip.headers import CSeq, NameAddr, Via, parse_value_with_parameters


@pytest.mark.parametrize(
    ("text", "name", "uri", "parameters"),
    [
        ('"Alice" <sip:a@h>;tag=1', "Alice", "sip:a@h", {"tag": "1"}),
        ('"Doe, \\"J\\"" <sip:a@h>', 'Doe, "J"', "sip:a@h", {}),
        ("Alice Smith <sip:a@h>", "Alice Smith", "sip:a@h", {}),
        ("Jörg <sip:a@h>", "Jörg", "sip:a@h", {}),
        ("<sip:a@h;lr>;x=y", "", "sip:a@h;lr", {"x": "y"}),
        ("sip:a@h;tag=1", "", "sip:a@h", {"tag": "1"}),
        ("*", "", "*", {}),
        ('"" <sip:a@h>', "", "sip:a@h", {}),
        ("<sip:x?Replaces=a%3Bto-tag%3D1>", "", "sip:x?Replaces=a%3Bto-tag%3D1", {}),
        ('"a" <sip:a@h>;text="b;c>"', "a", "sip:a@h", {"text": "b;c>"}),
        ("tel:+15550100;tag=z", "", "tel:+15550100", {"tag": "z"}),
    ],
)
def test_address_is_read(text: str, name: str, uri: str, parameters: dict[str, str | None]) -> None:
    address = NameAddr.parse(text)
    assert (address.display_name, address.uri_text, address.parameters) == (name, uri, parameters)
    assert NameAddr.parse(str(address)) == address


def test_latin_1_display_name_is_readable() -> None:
    text = b'"J\xf6rg" <sip:a@h>'.decode("utf-8", "surrogateescape")
    assert NameAddr.parse(text).display_name == "Jörg"


@pytest.mark.parametrize(
    "text",
    ["", "alice", '"Alice <sip:a@h>', '"Alice" sip:a@h', "<sip:a@h", "<>", 'Alice" sip:a@h', "sip:a@h?x=y"],
)
def test_malformed_address_is_refused(text: str) -> None:
    with pytest.raises(ParseError):
        NameAddr.parse(text)


def test_malformed_uri_in_an_address_is_found_only_when_it_is_needed() -> None:
    address = NameAddr.parse("<sip:a b@h>;tag=1")
    assert address.tag == "1"
    with pytest.raises(ParseError):
        _ = address.uri


def test_wildcard_contact_is_told_from_an_address() -> None:
    assert NameAddr.parse("*").is_wildcard
    assert not NameAddr.parse("<sip:a@h>").is_wildcard


def test_parameter_is_set_on_a_copy() -> None:
    address = NameAddr.parse("<sip:a@h>")
    assert str(address.with_parameter("tag", "x y")) == '<sip:a@h>;tag="x y"'
    assert address.tag is None


@pytest.mark.parametrize("branch", ["z9hG4bK+a*b", "z9hG4bKabc==", "z9hG4bK-.!%66*_+`'~", "Z9Hg4Bk"])
def test_branch_is_exactly_what_was_written(branch: str) -> None:
    via = Via.parse(f"SIP/2.0/UDP h:5060;branch={branch};rport")
    assert via.branch == branch
    assert f"branch={branch}" in str(via.with_received("192.0.2.1", 5))


@pytest.mark.parametrize(
    ("text", "transport", "host", "port"),
    [
        ("SIP/2.0/UDP 192.0.2.1:5060;branch=x", "UDP", "192.0.2.1", 5060),
        ("SIP / 2.0 / tcp   h ; branch=x", "TCP", "h", None),
        ("SIP/2.0/TLS-SCTP h", "TLS-SCTP", "h", None),
        ("SIP/2.0/UDP [2001:db8::1]:5061", "UDP", "2001:db8::1", 5061),
        ("SIP/2.0/UDP 2001:db8::1", "UDP", "2001:db8::1", None),
        ("SIP/2.0/UDP\tpbx_1 :5060", "UDP", "pbx_1", 5060),
        ("SIP/3.0/UDP h", "UDP", "h", None),
    ],
)
def test_via_is_read(text: str, transport: str, host: str, port: int | None) -> None:
    via = Via.parse(text)
    assert (via.transport, via.host, via.port) == (transport, host, port)
    assert str(via) == text


@pytest.mark.parametrize(
    "text", ["", "SIP/2.0/UDP", "SIP/2.0 h", "HTTP/1.1/TCP h", "SIP/2.0/UDP h:x", "SIP/2.0/UDP ;b"]
)
def test_malformed_via_is_refused(text: str) -> None:
    with pytest.raises(ParseError):
        Via.parse(text)


def test_quote_that_stays_open_would_swallow_what_we_add_and_is_refused() -> None:
    with pytest.raises(ParseError):
        Via.parse('SIP/2.0/UDP pbx:5060;branch=z9hG4bK"1')
    assert Via.parse('SIP/2.0/UDP pbx:5060;branch=z9hG4bK"1"').with_received("192.0.2.9", 4000).branch


def test_received_is_added_when_the_source_differs() -> None:
    via = Via.parse("SIP/2.0/UDP pbx:5060;branch=z9hG4bK1").with_received("192.0.2.9", 4000)
    assert str(via) == "SIP/2.0/UDP pbx:5060;branch=z9hG4bK1;received=192.0.2.9"
    assert (via.received, via.rport) == ("192.0.2.9", None)


def test_rport_is_filled_when_asked_for_even_from_the_named_host() -> None:
    via = Via.parse("SIP/2.0/UDP 192.0.2.9:5060;rport;branch=z9hG4bK1").with_received("192.0.2.9", 4000)
    assert str(via) == "SIP/2.0/UDP 192.0.2.9:5060;branch=z9hG4bK1;received=192.0.2.9;rport=4000"
    assert (via.received, via.rport) == ("192.0.2.9", 4000)


def test_via_of_an_honest_peer_is_left_alone() -> None:
    via = Via.parse("SIP/2.0/UDP 192.0.2.9:5060;branch=z9hG4bK1")
    assert via.with_received("192.0.2.9", 5060) is via


def test_received_that_the_peer_made_up_is_replaced() -> None:
    via = Via.parse('SIP/2.0/UDP 192.0.2.9;received=10.0.0.1;rport=9;x="a;b"').with_received(
        "192.0.2.9", 4000
    )
    assert str(via) == 'SIP/2.0/UDP 192.0.2.9;x="a;b";received=192.0.2.9;rport=4000'
    assert (via.received, via.rport) == ("192.0.2.9", 4000)


@pytest.mark.parametrize("value", ["", "=", "=0", "=70000", "=x", "=123456"])
def test_rport_that_is_no_port_is_no_port(value: str) -> None:
    via = Via.parse(f"SIP/2.0/UDP h;rport{value}")
    assert via.has_rport
    assert via.rport is None


def test_via_that_we_write_reads_back_the_same() -> None:
    via = Via.create("TCP", "2001:db8::1", 5060, "z9hG4bKabc")
    assert str(via) == "SIP/2.0/TCP [2001:db8::1]:5060;rport;branch=z9hG4bKabc"
    assert Via.parse(str(via)) == via
    assert str(Via.create("UDP", "h", None, "z9hG4bKabc", rport=False)) == "SIP/2.0/UDP h;branch=z9hG4bKabc"


def test_cseq_is_read() -> None:
    assert CSeq.parse("0009\t INVITE") == CSeq(9, "INVITE")
    assert str(CSeq(9, "INVITE")) == "9 INVITE"


@pytest.mark.parametrize(
    "text", ["", "1", "INVITE", "x INVITE", "-1 INVITE", "1 INVITE x", "4294967296 A", "1 é"]
)
def test_malformed_cseq_is_refused(text: str) -> None:
    with pytest.raises(ParseError):
        CSeq.parse(text)


def test_value_with_parameters_is_taken_apart() -> None:
    assert parse_value_with_parameters(' presence ;id="7" ') == ("presence", {"id": "7"})


@given(st.text())
def test_any_text_is_an_address_and_a_via_or_refused(text: str) -> None:
    for parse in (NameAddr.parse, Via.parse, CSeq.parse):
        try:
            parse(text)
        except ParseError:
            pass


NASTY = [
    '"' * 65536,
    '\\"' * 32768,
    '"' + "\\" * 65535,
    '"' + '\\"' * 32767,
    ";" * 65536,
    ";a=" * 21845,
    ';a="' * 16384,
    "<" * 65536,
    "<>" * 32768,
    "," * 65536,
    '"",' * 21845,
    '"\\\\",<>,' * 8192,
    "sip:" + "@" * 65532,
    "SIP/2.0/UDP h" + ';"' * 32768,
    'a=",' * 16384,
    ":" * 65536,
]


@pytest.mark.parametrize("index", range(len(NASTY)))
def test_nasty_64_kib_header_costs_little_time(index: int) -> None:
    text = NASTY[index]
    started = time.process_time()
    for parse in (NameAddr.parse, Via.parse, CSeq.parse, split_comma, parse_value_with_parameters):
        try:
            parse(text)
        except ParseError:
            pass
    assert time.process_time() - started < 0.5
