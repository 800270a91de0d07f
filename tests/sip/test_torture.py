from __future__ import annotations

import pytest

from sip.errors import ParseError
from sip.message import Request, Response, response_to
from sip.parser import parse_message
from tests.sip.torture import valid
from tests.sip.torture.invalid import REFUSED, changed
from tests.sip.torture.wire import SDP


def request(data: bytes) -> Request:
    message = parse_message(data)
    assert isinstance(message, Request)
    return message


@pytest.mark.parametrize("name", sorted(valid.READABLE))
def test_readable_message_is_read_and_survives_being_written_again(name: str) -> None:
    message = parse_message(valid.READABLE[name])
    assert parse_message(message.serialise()) == message
    assert message.call_id
    assert message.top_via.host
    assert message.from_.uri_text


@pytest.mark.parametrize("name", sorted(valid.READABLE))
def test_readable_request_can_be_answered_with_its_echoed_headers_untouched(name: str) -> None:
    message = parse_message(valid.READABLE[name])
    if isinstance(message, Request):
        answer = parse_message(response_to(message, 200, to_tag="ours").serialise())
        for header in ("Via", "From", "Call-ID", "CSeq"):
            assert answer.get_all(header) == message.get_all(header)
        assert answer.to_tag == (message.to_tag or "ours")


@pytest.mark.parametrize("name", sorted(REFUSED))
def test_broken_message_is_refused_with_its_fault_named(name: str) -> None:
    refused = REFUSED[name]
    with pytest.raises(ParseError) as caught:
        parse_message(refused.data)
    assert caught.value.reason == refused.reason
    if refused.status == 0:
        assert caught.value.request is None
        return
    assert caught.value.status == refused.status
    assert caught.value.request is not None
    answer = response_to(
        caught.value.request, caught.value.status, caught.value.reason, to_tag="x"
    ).serialise()
    assert answer.startswith(f"SIP/2.0 {refused.status} {refused.reason}\r\n".encode())
    assert b"branch=z9hG4bKkdjuw380234\r\n" in answer


def test_wsinv_odd_white_space_means_nothing() -> None:
    message = request(valid.WSINV)
    assert message.to_tag == "1918181833n"
    assert message.from_.display_name == 'J Rosenberg \\"'
    assert message.from_tag == "98asjd8"
    assert message.max_forwards == 68
    assert (message.cseq.number, message.cseq.method) == (9, "INVITE")
    assert [(via.transport, via.host, via.branch) for via in message.vias] == [
        ("UDP", "192.0.2.2", "390skdjuw"),
        ("TCP", "spindle.example.com", "z9hG4bK9ikj8"),
        ("UDP", "192.168.255.111", "z9hG4bK30239"),
    ]
    assert message.get("NewFangledHeader") == "newfangled value continued newfangled value"
    assert message.get("UnknownHeaderWithUnusualValue") == ";;,,;;,;"
    assert message.get("Subject") == ""
    assert message.contact is not None
    assert message.contact.display_name == 'Quoted string ""'
    assert message.contact.parameters == {"newparam": "newvalue", "secondparam": None, "q": "0.33"}
    assert message.route[0].uri.is_loose_route
    assert message.route[0].uri.parameters["unknownwith"] == "value"
    assert message.body == SDP


def test_intmeth_every_legal_character_is_legal() -> None:
    message = request(valid.INTMETH)
    assert message.method == "!interesting-Method0123456789_*+`.%indeed'~"
    assert message.request_uri.host == "example.com"
    assert message.request_uri.user == "1_unusual.URI~(to-be!sure)&isn't+it$/crazy?,/;;*"
    assert message.request_uri.password == "&it+has=1,weird!*pas$wo~d_too.(doesn't-it)"
    assert message.from_tag == "_token~1'+`*%!-."
    assert message.from_.parameters["fromparam''~+*_!.-%"] == "работающий"
    assert message.call_id == "intmeth.word%ZK-!.*_+'@word`~)(><:\\/\"][?}{"


def test_esc01_escapes_are_kept_and_can_be_decoded() -> None:
    message = request(valid.ESC01)
    assert message.uri == "sip:sips%3Auser%40example.com@example.net"
    assert message.request_uri.user_decoded == "sips:user@example.com"
    assert message.to.uri.user_decoded == "user"
    assert message.contact is not None
    assert not message.contact.uri.is_loose_route
    assert message.contact.uri.parameters["n%61me"] == "v%61lue%25%34%31"


def test_escnull_contacts_differ_in_their_escaped_nulls() -> None:
    message = request(valid.ESCNULL)
    assert [contact.uri.user for contact in message.contacts] == ["%00", "%00%00"]
    assert message.to.uri.user_decoded == "null--null"


def test_esc02_escapes_in_tokens_are_not_escapes() -> None:
    message = request(valid.ESC02)
    assert message.method == "RE%47IST%45R"
    assert len(message.contacts) == 2
    assert message.to.display_name == "%Z%45"
    assert message.top_via.branch == "z9hG4bK209%fzsnel234"


def test_lwsdisp_display_name_needs_no_blank_before_the_bracket() -> None:
    message = request(valid.LWSDISP)
    assert (message.from_.display_name, message.from_.uri_text) == ("caller", "sip:caller@example.com")


def test_longreq_long_values_are_whole() -> None:
    message = request(valid.LONGREQ)
    assert message.call_id == "longreq.one" + "long" * 60 + "longcallid"
    assert len(message.vias) == 6
    assert message.to.uri.port == 6000


def test_dblreq_bytes_after_the_first_message_are_passed_over() -> None:
    message = request(valid.DBLREQ)
    assert (message.method, message.body) == ("REGISTER", b"")


def test_semiuri_semicolon_belongs_to_the_user_part() -> None:
    message = request(valid.SEMIURI)
    assert message.request_uri.user == "user;par=u%40example.net"
    assert message.request_uri.parameters == {}
    assert len(message.values("Accept")) == 6


def test_transports_unknown_ones_are_read() -> None:
    assert [via.transport for via in request(valid.TRANSPORTS).vias] == [
        "UDP",
        "SCTP",
        "TLS",
        "UNKNOWN",
        "TCP",
    ]


def test_mpart01_binary_body_is_whole() -> None:
    message = request(valid.MPART01)
    assert bytes(range(256)) in message.body
    assert parse_message(message.serialise()).body == message.body


def test_unreason_and_noreason_are_responses() -> None:
    unusual, empty = parse_message(valid.UNREASON), parse_message(valid.NOREASON)
    assert isinstance(unusual, Response)
    assert isinstance(empty, Response)
    assert (unusual.status, unusual.reason) == (200, "= 2**3 * 5**2 но сто")
    assert (empty.status, empty.reason) == (100, "")


@pytest.mark.parametrize("data", [valid.UNKSCM, valid.NOVELSC])
def test_unknown_request_uri_scheme_can_be_seen_and_answered(data: bytes) -> None:
    uri = request(data).request_uri
    assert not uri.is_supported
    assert str(uri).lower() == request(data).uri.lower()


def test_unksm2_unknown_schemes_in_headers_are_no_fault() -> None:
    message = request(valid.UNKSM2)
    assert message.to.uri.scheme == "isbn"
    assert message.from_.uri.scheme == "http"


def test_bext01_unknown_option_tags_are_all_named() -> None:
    assert request(valid.BEXT01).require == ["nothingsupportsthis", "nothingsupportsthiseither"]


def test_zeromf_has_no_hops_left() -> None:
    assert request(valid.ZEROMF).max_forwards == 0


def test_cparam_parameters_belong_to_header_or_uri_by_the_brackets() -> None:
    bare, bracketed = request(valid.CPARAM01).contact, request(valid.CPARAM02).contact
    assert bare is not None
    assert bracketed is not None
    assert (bare.parameters, bare.uri.parameters) == ({"unknownparam": None}, {})
    assert (bracketed.parameters, bracketed.uri.parameters) == ({}, {"unknownparam": None})


def test_regescrt_escaped_route_header_is_decoded_on_demand() -> None:
    contact = request(valid.REGESCRT).contact
    assert contact is not None
    assert contact.uri.header("route") == "<sip:sip.example.com>"


def test_inv2543_an_old_client_is_served() -> None:
    message = request(valid.INV2543)
    assert message.top_via.branch is None
    assert message.from_tag is None
    assert message.max_forwards is None
    assert message.body == SDP


@pytest.mark.parametrize("data", [valid.IPV6_UNBRACKETED_RECEIVED, valid.IPV6_BRACKETED_RECEIVED])
def test_ipv6_received_is_read_with_and_without_brackets(data: bytes) -> None:
    message = request(data)
    assert message.top_via.received == "2001:db8::9:255"
    assert message.top_via.host == "2001:db8::9:1"
    assert message.request_uri.host == "2001:db8::10"


@pytest.mark.parametrize(
    ("old", "new", "view", "reason"),
    [
        ("Max-Forwards: 7", "Max-Forwards: 300", "max_forwards", "Max-Forwards Out Of Range"),
        ("Max-Forwards: 7", "Expires: 1" + "0" * 19, "expires", "Expires Out Of Range"),
        (
            "<sip:caller@host15.example.net>",
            "sip:user@example.com?Route=%3Csip:x%3E",
            "contact",
            "Malformed Address",
        ),
        ("<sip:caller@host15.example.net>", "<sip:caller@host15.example.net", "contacts", ""),
        ("sip:user@example.com SIP", "sip:@example.com SIP", "request_uri", "Malformed URI"),
    ],
)
def test_malformed_optional_header_is_found_on_access_and_can_be_answered(
    old: str, new: str, view: str, reason: str
) -> None:
    message = request(changed(old, new))
    with pytest.raises(ParseError) as caught:
        getattr(message, view)
    assert caught.value.reason == reason or not reason
    assert caught.value.request is message


def test_baddn_unquoted_comma_in_from_is_tolerated() -> None:
    message = request(
        changed("From: sip:caller@example.net", "From: Bell, Alexander <sip:a.g.bell@example.com>")
    )
    assert message.from_.display_name == "Bell, Alexander"
    assert message.from_tag == "134161461246"


def test_badaspec_blanks_inside_the_brackets_are_tolerated() -> None:
    message = request(changed("sip:j.user@example.com", '"Watson, Thomas" < sip:t.watson@example.org >'))
    assert message.to.uri.user == "t.watson"


def test_badbranch_cookie_alone_is_echoed_as_it_came() -> None:
    message = request(changed("branch=z9hG4bKkdjuw380234", "branch=z9hG4bK"))
    assert message.top_via.branch == "z9hG4bK"


def test_badinv01_extra_separators_are_passed_over() -> None:
    message = request(
        changed("UDP 192.0.2.15;", "UDP 192.0.2.15;;").replace(b"example.net>", b"example.net>;;;;")
    )
    assert message.top_via.branch == "z9hG4bKkdjuw380234"
    assert message.contact is not None
    assert message.contact.parameters == {}


def test_trws_and_lwsstart_blanks_around_the_request_line_are_tolerated() -> None:
    message = request(
        changed("INVITE sip:user@example.com SIP/2.0", "INVITE  sip:user@example.com  SIP/2.0  ")
    )
    assert (message.method, message.uri) == ("INVITE", "sip:user@example.com")
