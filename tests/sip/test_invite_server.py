"""The UAS side of an INVITE: ringing, the 2xx and its repetition until the ACK (RFC 3261 section 13.3.1)."""

from __future__ import annotations

import pytest

from sip.incoming_call import IncomingCall
from tests.support.sip_endpoint_harness import ANSWER, OFFER, Harness, described, peer_request

ACK_TIMES = [0.5, 1.5, 3.5, 7.5, 11.5, 15.5, 19.5, 23.5, 27.5, 31.5]


def answered(transport: str = "udp") -> tuple[Harness, str]:
    harness = Harness(transport=transport)
    harness.at_invite = lambda call: call.answer(ANSWER)
    harness.receive(peer_request("INVITE", body=OFFER))
    return harness, harness.flow.take_response(200).to_tag or ""


def test_success_is_repeated_from_t1_up_to_t2_and_then_the_call_is_ended_with_bye() -> None:
    for transport in ("udp", "tcp"):
        harness, _ = answered(transport)
        start = harness.now
        times: list[float] = []
        while harness.now < start + 31.9:
            harness.advance(0.1)
            times += [harness.now - start] * len(harness.flow.take())
        assert times == pytest.approx(ACK_TIMES, abs=0.11)
        harness.advance(0.2)
        assert described(harness.flow) == ["BYE"]
        assert harness.listener.events == [("terminated", "timeout")]


def test_ack_stops_the_repetition() -> None:
    harness, tag = answered()
    harness.advance(0.6)
    harness.receive(peer_request("ACK", to_tag=tag, branch="z9hG4bK-2"))
    assert described(harness.flow) == ["200"]
    harness.advance(60)
    assert described(harness.flow) == []
    assert harness.listener.names == ["established"]


def test_repeated_ack_is_heard_once() -> None:
    harness, tag = answered()
    for _ in range(3):
        harness.receive(peer_request("ACK", to_tag=tag, branch="z9hG4bK-2"))
    assert harness.listener.names == ["established"]


def test_repeated_invite_after_the_200_is_not_a_second_call() -> None:
    harness, tag = answered()
    harness.receive(peer_request("ACK", to_tag=tag, branch="z9hG4bK-2"))
    harness.receive(peer_request("INVITE", body=OFFER))
    harness.advance(20)
    harness.receive(peer_request("INVITE", body=OFFER))
    assert len(harness.incoming) == 1
    assert described(harness.flow) == []


def test_offerless_invite_gets_our_offer_and_the_answer_comes_with_the_ack() -> None:
    harness = Harness()
    harness.at_invite = lambda call: call.answer(OFFER)
    harness.receive(peer_request("INVITE"))
    response = harness.flow.take_response(200)
    assert harness.incoming[0].offer is None
    assert response.body == OFFER
    assert response.content_type == "application/sdp"
    harness.receive(peer_request("ACK", to_tag=response.to_tag, branch="z9hG4bK-2", body=ANSWER))
    assert harness.listener.events == [("established", ANSWER)]


def test_answers_carry_contact_allow_and_record_route() -> None:
    def take(call: IncomingCall) -> None:
        call.ring(183, ANSWER)
        call.answer(ANSWER)

    harness = Harness()
    harness.at_invite = take
    route = "<sip:proxy.example;lr>"
    harness.receive(peer_request("INVITE", headers=(("Record-Route", route),)))
    for message in harness.flow.take():
        assert message.get("Contact") == "<sip:+15550100@192.0.2.1:5060>"
        assert "INVITE" in (message.get("Allow") or "")
        assert message.get("Record-Route") == route
        assert message.to_tag == harness.incoming[0].local_tag
        assert message.body == ANSWER


def test_contact_names_the_transport_when_it_is_not_udp() -> None:
    harness = Harness(transport="tcp")
    harness.at_invite = lambda call: call.ring()
    harness.receive(peer_request("INVITE", transport="TCP"))
    assert harness.flow.take_response(180).get("Contact") == "<sip:+15550100@192.0.2.1:5060;transport=tcp>"


def test_long_ringing_is_repeated_each_minute_so_that_proxies_wait() -> None:
    harness = Harness()
    harness.at_invite = lambda call: call.ring()
    harness.receive(peer_request("INVITE"))
    harness.advance(185)
    assert described(harness.flow) == ["180"] * 4
    harness.incoming[0].reject(480)
    harness.flow.take()
    harness.receive(peer_request("ACK", to_tag=harness.incoming[0].local_tag))
    harness.advance(185)
    assert described(harness.flow) == []
    harness.assert_nothing_left()


def test_trying_has_no_to_tag_and_is_left_out_when_the_owner_answers_at_once() -> None:
    harness = Harness()
    harness.receive(peer_request("INVITE"))
    assert harness.flow.take_response(100).to_tag is None
    harness.at_invite = lambda call: call.ring()
    harness.receive(peer_request("INVITE", branch="z9hG4bK-b", call_id="second"))
    assert described(harness.flow) == ["180"]
