"""Dialog state: route sets, targets, sequence numbers (RFC 3261 section 12)."""

from __future__ import annotations

import pytest

from sip.dialog import Dialog, DialogId, dialog_id_of_request
from sip.errors import ParseError
from sip.message import Request
from tests.support.sip_endpoint_harness import peer_request, peer_response

RECORD_ROUTE = (
    ("Record-Route", "<sip:p1.example;lr>, <sip:p2.example;lr>"),
    ("Record-Route", "<sip:p3.example;lr>"),
)


def uas_dialog(*headers: tuple[str, str]) -> Dialog:
    return Dialog.from_request(peer_request("INVITE", cseq=7, headers=headers), "our-tag")


def our_invite() -> Request:
    invite = Request("INVITE", "sip:100@proxy.example")
    for name, value in (
        ("Via", "SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1"),
        ("From", '"Us" <sip:us@example.org>;tag=our-tag'),
        ("To", "<sip:100@example.org>"),
        ("Call-ID", "c1"),
        ("CSeq", "3 INVITE"),
    ):
        invite.add(name, value)
    return invite


def test_uas_dialog_keeps_record_route_in_order_and_takes_the_contact_as_target() -> None:
    dialog = uas_dialog(*RECORD_ROUTE)
    assert dialog.id == DialogId("call-1@peer", "our-tag", "peer-tag")
    assert dialog.route_set == ("<sip:p1.example;lr>", "<sip:p2.example;lr>", "<sip:p3.example;lr>")
    bye = dialog.new_request("BYE")
    assert bye.uri == "sip:caller@192.0.2.10:5070"
    assert bye.get_all("Route") == list(dialog.route_set)
    assert dialog.next_hop.host == "p1.example"


def test_uac_dialog_reverses_record_route() -> None:
    response = peer_response(our_invite(), 200, headers=RECORD_ROUTE)
    dialog = Dialog.from_response(our_invite(), response)
    assert dialog.confirmed
    assert dialog.id == DialogId("c1", "our-tag", "callee-tag")
    assert dialog.route_set == ("<sip:p3.example;lr>", "<sip:p2.example;lr>", "<sip:p1.example;lr>")


def test_in_dialog_request_goes_to_the_contact_and_never_to_the_to_uri() -> None:
    dialog = Dialog.from_response(our_invite(), peer_response(our_invite(), 200))
    bye = dialog.new_request("BYE")
    assert bye.uri == "sip:callee@192.0.2.10:5070"
    assert dialog.next_hop.host == "192.0.2.10"
    assert bye.get("From") == '"Us" <sip:us@example.org>;tag=our-tag'
    assert bye.get("To") == "<sip:100@example.org>;tag=callee-tag"
    assert bye.get("Max-Forwards") == "70"


def test_strict_router_gets_its_uri_as_request_uri_and_the_target_as_last_route() -> None:
    dialog = uas_dialog(("Record-Route", "<sip:old.example>"), ("Record-Route", "<sip:p2.example;lr>"))
    bye = dialog.new_request("BYE")
    assert bye.uri == "sip:old.example"
    assert bye.get_all("Route") == ["<sip:p2.example;lr>", "<sip:caller@192.0.2.10:5070>"]
    assert dialog.next_hop.host == "old.example"


def test_each_own_request_has_the_next_cseq_number_and_the_ack_that_of_its_invite() -> None:
    dialog = Dialog.from_response(our_invite(), peer_response(our_invite(), 200))
    assert str(dialog.new_ack(3).cseq) == "3 ACK"
    assert [dialog.new_request("INFO").cseq.number for _ in range(3)] == [4, 5, 6]


def test_requests_of_the_peer_must_not_go_back_in_cseq() -> None:
    dialog = uas_dialog()
    assert dialog.accepts_cseq(8)
    assert not dialog.accepts_cseq(7)
    # Numbers may have gaps: a challenged request uses one up.
    assert dialog.accepts_cseq(100)


def test_target_refresh_changes_where_requests_go_but_not_the_route_set() -> None:
    dialog = uas_dialog(*RECORD_ROUTE)
    routes = dialog.route_set
    re_invite = peer_request(
        "INVITE", headers=(("Contact", "<sip:moved@192.0.2.77>"), ("Record-Route", "<sip:new;lr>"))
    )
    dialog.refresh_target(re_invite)
    assert dialog.new_request("BYE").uri == "sip:moved@192.0.2.77"
    assert dialog.route_set == routes


def test_early_dialogs_of_a_fork_differ_by_to_tag() -> None:
    one = Dialog.from_response(our_invite(), peer_response(our_invite(), 180, to_tag="one"))
    two = Dialog.from_response(our_invite(), peer_response(our_invite(), 180, to_tag="two"))
    assert one.id != two.id
    assert not one.confirmed


def test_success_gives_an_early_dialog_its_final_route_set() -> None:
    early = Dialog.from_response(our_invite(), peer_response(our_invite(), 180))
    early.confirm(peer_response(our_invite(), 200, headers=RECORD_ROUTE, contact="<sip:final@192.0.2.5>"))
    assert early.confirmed
    assert early.route_set[0] == "<sip:p3.example;lr>"
    assert early.remote_target == "sip:final@192.0.2.5"


def test_peer_of_rfc_2543_without_tags_still_makes_a_dialog() -> None:
    request = peer_request("INVITE")
    request.set("From", "sip:old@192.0.2.10")
    dialog = Dialog.from_request(request, "our-tag")
    assert dialog.id.remote_tag == ""
    bye = peer_request("BYE", to_tag="our-tag")
    bye.set("From", "sip:old@192.0.2.10")
    assert dialog_id_of_request(bye) == dialog.id


def test_missing_contact_falls_back_to_the_from_uri() -> None:
    request = peer_request("INVITE")
    request.remove("Contact")
    assert Dialog.from_request(request, "t").remote_target == "sip:+15550199@192.0.2.10"


def test_unreadable_route_is_found_when_the_dialog_is_made() -> None:
    with pytest.raises(ParseError):
        uas_dialog(("Record-Route", "<sip:broken"))
