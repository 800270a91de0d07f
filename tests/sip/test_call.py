"""Requests inside a call: each gets exactly one final answer (RFC 3261 section 12.2.2)."""

from __future__ import annotations

import pytest

from sip.call_listener import IgnoringListener
from tests.support.sip_endpoint_harness import (
    ANSWER,
    OFFER,
    Harness,
    described,
    peer_request,
    peer_response,
)


def established() -> tuple[Harness, str]:
    harness = Harness()
    harness.at_invite = lambda call: call.answer(ANSWER)
    harness.receive(peer_request("INVITE", body=OFFER))
    tag = harness.flow.take_response(200).to_tag or ""
    harness.receive(peer_request("ACK", to_tag=tag, branch="z9hG4bK-ack"))
    harness.listener.events.clear()
    return harness, tag


@pytest.mark.parametrize(
    ("method", "status"),
    [
        ("OPTIONS", 200),
        ("INFO", 200),
        ("UPDATE", 200),
        ("PRACK", 481),
        ("NOTIFY", 489),
        ("MESSAGE", 405),
        ("SUBSCRIBE", 405),
        ("REGISTER", 405),
        ("REFER", 603),
        ("FROBNICATE", 501),
    ],
)
def test_every_request_in_a_call_gets_a_final_answer(method: str, status: int) -> None:
    harness, tag = established()
    harness.receive(peer_request(method, to_tag=tag, cseq=2, branch="z9hG4bK-2"))
    response = harness.flow.take_response(status)
    if status in (405, 501):
        assert "INVITE" in (response.get("Allow") or "")
    # The call is none the worse for it.
    harness.receive(peer_request("BYE", to_tag=tag, cseq=3, branch="z9hG4bK-3"))
    assert described(harness.flow) == ["200"]


def test_info_is_reported_with_its_body() -> None:
    harness, tag = established()
    info = peer_request("INFO", to_tag=tag, cseq=2, branch="z9hG4bK-2", body=b"Signal=5\r\nDuration=160\r\n")
    info.set("Content-Type", "application/dtmf-relay")
    harness.receive(info)
    assert described(harness.flow) == ["200"]
    assert harness.listener.events == [("info", b"Signal=5\r\nDuration=160\r\n")]


def test_repeated_info_is_reported_once() -> None:
    harness, tag = established()
    for _ in range(3):
        harness.receive(peer_request("INFO", to_tag=tag, cseq=2, branch="z9hG4bK-2"))
    assert described(harness.flow) == ["200"] * 3
    assert len(harness.listener.events) == 1


def test_request_out_of_cseq_order_gets_500() -> None:
    harness, tag = established()
    harness.receive(peer_request("INFO", to_tag=tag, cseq=5, branch="z9hG4bK-2"))
    harness.receive(peer_request("INFO", to_tag=tag, cseq=4, branch="z9hG4bK-3"))
    assert described(harness.flow) == ["200", "500"]
    assert len(harness.listener.events) == 1


def test_bye_goes_to_the_contact_through_the_route_set() -> None:
    harness = Harness()
    harness.at_invite = lambda call: call.answer(ANSWER)
    headers = (
        ("Record-Route", "<sip:192.0.2.50:5090;lr>"),
        ("Record-Route", "<sip:192.0.2.51;lr>"),
        ("Contact", "<sip:caller@192.0.2.60:5099>"),
    )
    harness.receive(peer_request("INVITE", headers=headers))
    tag = harness.flow.take_response(200).to_tag
    harness.receive(peer_request("ACK", to_tag=tag, branch="z9hG4bK-ack"))
    harness.incoming[0].hang_up()
    bye = harness.flows[("192.0.2.50", 5090, "udp")].take_request("BYE")
    assert bye.uri == "sip:caller@192.0.2.60:5099"
    assert bye.get_all("Route") == ["<sip:192.0.2.50:5090;lr>", "<sip:192.0.2.51;lr>"]
    assert bye.get("To") == '"Caller" <sip:+15550199@192.0.2.10>;tag=peer-tag'
    assert bye.from_tag == tag


def test_update_without_session_description_refreshes_the_target() -> None:
    harness, tag = established()
    update = peer_request(
        "UPDATE",
        to_tag=tag,
        cseq=2,
        branch="z9hG4bK-2",
        headers=(("Contact", "<sip:caller@192.0.2.66:5066>"),),
    )
    harness.receive(update)
    response = harness.flow.take_response(200)
    assert response.get("Contact") == harness.incoming[0].contact
    harness.incoming[0].hang_up()
    assert described(harness.flows[("192.0.2.66", 5066, "udp")]) == ["BYE"]


def test_bye_challenged_by_the_peer_frees_the_call_all_the_same() -> None:
    harness, _ = established()
    harness.incoming[0].hang_up()
    bye = harness.flow.take_request("BYE")
    harness.receive(peer_response(bye, 401))
    harness.assert_nothing_left()


def test_call_without_listener_refuses_offers() -> None:
    harness = Harness()
    harness.at_invite = lambda call: call.answer(ANSWER)
    harness.listener = IgnoringListener()  # type: ignore[assignment]
    harness.receive(peer_request("INVITE", body=OFFER))
    tag = harness.flow.take_response(200).to_tag
    harness.receive(peer_request("ACK", to_tag=tag, branch="z9hG4bK-ack"))
    harness.receive(peer_request("INVITE", to_tag=tag, cseq=2, branch="z9hG4bK-2", body=OFFER))
    assert described(harness.flow) == ["100", "488"]
