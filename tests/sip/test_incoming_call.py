"""An incoming call: ringing, answering, refusing, and who hangs up when."""

from __future__ import annotations

import pytest

from sip.call_listener import CallState
from tests.support.sip_endpoint_harness import (
    ANSWER,
    OFFER,
    PEER_HOST,
    PEER_PORT,
    Harness,
    described,
    peer_request,
    peer_response,
)


def ringing() -> Harness:
    harness = Harness()
    harness.at_invite = lambda call: call.ring()
    harness.receive(peer_request("INVITE", body=OFFER))
    harness.flow.take_response(180)
    return harness


def answered() -> tuple[Harness, str]:
    harness = ringing()
    harness.incoming[0].answer(ANSWER)
    return harness, harness.flow.take_response(200).to_tag or ""


def established() -> tuple[Harness, str]:
    harness, tag = answered()
    harness.receive(peer_request("ACK", to_tag=tag, branch="z9hG4bK-ack"))
    return harness, tag


def test_owner_sees_offer_source_and_call_id() -> None:
    harness = ringing()
    call = harness.incoming[0]
    assert call.offer == OFFER
    assert (call.source_host, call.source_port) == (PEER_HOST, PEER_PORT)
    assert (call.peer.transport, call.peer.host, call.peer.port) == ("udp", PEER_HOST, PEER_PORT)
    assert call.call_id == "call-1@peer"
    assert call.state is CallState.EARLY


def test_call_from_invite_to_bye_of_the_caller_leaves_nothing() -> None:
    harness, tag = established()
    assert harness.incoming[0].state is CallState.ESTABLISHED
    harness.receive(peer_request("BYE", to_tag=tag, cseq=2, branch="z9hG4bK-bye"))
    assert described(harness.flow) == ["200"]
    assert harness.listener.events == [("established", None), ("terminated", "remote")]
    assert harness.endpoint.dialog_count == 0
    assert harness.endpoint.call_count == 0
    harness.assert_nothing_left()


def test_refusal_carries_reason_phrase_and_headers_and_is_not_reported() -> None:
    harness = ringing()
    harness.incoming[0].reject(503, "No Capacity", (("Retry-After", "7"),))
    response = harness.flow.take_response(503)
    assert response.reason == "No Capacity"
    assert response.get("Retry-After") == "7"
    harness.receive(peer_request("ACK", to_tag=response.to_tag))
    assert harness.listener.events == []
    harness.assert_nothing_left()


def test_only_the_first_final_answer_counts() -> None:
    harness = ringing()
    call = harness.incoming[0]
    call.reject(486)
    call.answer(ANSWER)
    call.ring()
    call.reject(500)
    call.hang_up()
    assert described(harness.flow) == ["486"]


def test_hanging_up_while_ringing_refuses_with_480_and_reason() -> None:
    harness = ringing()
    harness.incoming[0].hang_up("Q.850;cause=19")
    response = harness.flow.take_response(480)
    assert response.get("Reason") == "Q.850;cause=19"


def test_hanging_up_before_the_ack_waits_for_it_with_the_bye() -> None:
    harness, tag = answered()
    harness.incoming[0].hang_up("Q.850;cause=16")
    harness.advance(0.1)
    assert described(harness.flow) == []
    assert harness.listener.events == [("terminated", "local")]
    harness.receive(peer_request("ACK", to_tag=tag, branch="z9hG4bK-ack"))
    bye = harness.flow.take_request("BYE")
    assert bye.get("Reason") == "Q.850;cause=16"
    harness.receive(peer_response(bye, 200))
    assert harness.listener.names == ["terminated"]
    harness.assert_nothing_left()


def test_hanging_up_before_an_ack_that_never_comes_still_sends_bye() -> None:
    harness, _ = answered()
    harness.incoming[0].hang_up()
    harness.advance(31.8)
    assert set(described(harness.flow)) == {"200"}
    harness.advance(0.4)
    assert described(harness.flow) == ["BYE"]
    harness.assert_nothing_left()
    assert harness.listener.names == ["terminated"]


def test_bye_before_the_ack_ends_the_call_and_the_repetition_of_the_200() -> None:
    harness, tag = answered()
    harness.receive(peer_request("BYE", to_tag=tag, cseq=2, branch="z9hG4bK-bye"))
    assert described(harness.flow) == ["200"]
    harness.advance(40)
    assert described(harness.flow) == []
    assert harness.listener.events == [("terminated", "remote")]
    harness.assert_nothing_left()


def test_late_ack_after_bye_is_ignored() -> None:
    harness, tag = established()
    harness.receive(peer_request("BYE", to_tag=tag, cseq=2, branch="z9hG4bK-bye"))
    harness.receive(peer_request("ACK", to_tag=tag, branch="z9hG4bK-ack"))
    assert harness.listener.names == ["established", "terminated"]


def test_cancel_while_ringing_gets_487_and_is_reported() -> None:
    harness = ringing()
    harness.receive(peer_request("CANCEL"))
    assert described(harness.flow) == ["200", "487"]
    harness.receive(peer_request("ACK", to_tag=harness.incoming[0].local_tag))
    assert harness.listener.events == [("cancelled", "CANCEL")]
    assert harness.incoming[0].state is CallState.ENDED
    harness.assert_nothing_left()


def test_bye_while_ringing_gets_200_and_the_invite_487() -> None:
    harness = ringing()
    tag = harness.incoming[0].local_tag
    harness.receive(peer_request("BYE", to_tag=tag, cseq=2, branch="z9hG4bK-bye"))
    assert described(harness.flow) == ["200", "487"]
    assert harness.listener.events == [("cancelled", "BYE")]


def test_request_for_a_call_that_is_over_gets_481() -> None:
    harness, tag = established()
    harness.receive(peer_request("BYE", to_tag=tag, cseq=2, branch="z9hG4bK-bye"))
    harness.flow.take()
    harness.receive(peer_request("INFO", to_tag=tag, cseq=3, branch="z9hG4bK-info"))
    assert described(harness.flow) == ["481"]


def test_failing_owner_of_a_ringing_call_costs_that_call_alone() -> None:
    harness = Harness()

    def fail(call: object) -> None:
        raise RuntimeError("broken on purpose")

    harness.at_invite = fail
    harness.receive(peer_request("INVITE", branch="z9hG4bK-a", call_id="a"))
    harness.at_invite = lambda call: call.ring()
    harness.receive(peer_request("INVITE", branch="z9hG4bK-b", call_id="b"))
    harness.advance(0)
    assert described(harness.flow) == ["100", "180", "500"]
    assert harness.endpoint.call_count == 1


@pytest.mark.parametrize("event", ["established", "info", "offer"])
def test_failing_listener_of_an_answered_call_ends_it_with_bye(event: str) -> None:
    def fail(*details: object) -> None:
        raise RuntimeError("broken on purpose")

    harness, tag = answered()
    harness.listener.on(event, fail)
    harness.receive(peer_request("ACK", to_tag=tag, branch="z9hG4bK-ack"))
    if event == "info":
        harness.receive(peer_request("INFO", to_tag=tag, cseq=2, branch="z9hG4bK-2"))
    elif event == "offer":
        harness.receive(peer_request("INVITE", to_tag=tag, cseq=2, branch="z9hG4bK-2", body=OFFER))
    harness.advance(0)
    sent = described(harness.flow)
    assert "BYE" in sent
    if event == "offer":
        assert "487" in sent
    harness.advance(0)
    assert harness.listener.events[-1] == ("terminated", "local")


def test_listener_that_fails_at_the_end_is_not_called_again() -> None:
    def fail(*details: object) -> None:
        raise RuntimeError("broken on purpose")

    harness, tag = established()
    harness.listener.on("terminated", fail)
    harness.receive(peer_request("BYE", to_tag=tag, cseq=2, branch="z9hG4bK-bye"))
    harness.assert_nothing_left()
    assert harness.listener.names == ["established", "terminated"]


def test_contact_that_no_request_can_be_sent_to_is_refused() -> None:
    harness = Harness()
    contact = ("Contact", "<sip:nobody at home@192.0.2.10>")
    harness.receive(peer_request("INVITE", body=OFFER, headers=(contact,)))
    assert harness.flow.take_response(400).reason == "Malformed Contact"
    assert not harness.incoming
