"""Offers in an established call, both ways: re-INVITE, UPDATE and glare (RFC 3261 section 14, RFC 3311)."""

from __future__ import annotations

import pytest

from sip.call_listener import CallState
from sip.message import Request, Response
from tests.support.sip_endpoint_harness import (
    ANSWER,
    OFFER,
    Harness,
    described,
    peer_request,
    peer_response,
)

NEW_OFFER = OFFER.replace(b"m=audio 4000", b"m=audio 4002")


class Answered:
    """An established incoming call and the peer's next CSeq."""

    def __init__(self) -> None:
        self.harness = Harness()
        self.harness.at_invite = lambda call: call.answer(ANSWER)
        self.harness.receive(peer_request("INVITE", body=OFFER))
        self.tag = self.harness.flow.take_response(200).to_tag or ""
        self.harness.receive(peer_request("ACK", to_tag=self.tag, branch="z9hG4bK-ack"))
        self.call = self.harness.incoming[0]
        self.flow = self.harness.flow
        self.listener = self.harness.listener
        self.listener.events.clear()
        self.results: list[tuple[int, bool]] = []

    def peer(self, method: str, cseq: int, body: bytes = b"", branch: str | None = None) -> None:
        self.harness.receive(
            peer_request(
                method, to_tag=self.tag, cseq=cseq, branch=branch or f"z9hG4bK-{method}{cseq}", body=body
            )
        )

    def offer(self) -> Request:
        self.call.re_invite(
            NEW_OFFER, lambda status, response: self.results.append((status, response is None))
        )
        return self.flow.take_request("INVITE")


def test_re_invite_of_the_peer_may_be_answered_later() -> None:
    call = Answered()
    call.peer("INVITE", 2, NEW_OFFER)
    assert described(call.flow) == ["100"]
    assert call.listener.events == [("offer", NEW_OFFER)]
    call.harness.advance(3)
    call.listener.offers[0].answer(ANSWER)
    response = call.flow.take_response(200)
    assert response.body == ANSWER
    assert response.get("Contact") == call.call.contact
    call.harness.advance(0.6)
    assert described(call.flow) == ["200"]
    call.peer("ACK", 2)
    call.harness.advance(40)
    assert described(call.flow) == []
    assert call.call.state is CallState.ESTABLISHED


def test_offerless_re_invite_carries_our_offer_and_the_answer_comes_with_the_ack() -> None:
    call = Answered()
    heard: list[bytes | None] = []
    call.peer("INVITE", 2)
    assert call.listener.offers[0].offer is None
    call.listener.offers[0].answer(OFFER, heard.append)
    assert described(call.flow) == ["100", "200"]
    call.peer("ACK", 2, ANSWER)
    call.peer("ACK", 2, ANSWER)
    assert heard == [ANSWER]


def test_refused_re_invite_leaves_the_call_as_it_was() -> None:
    call = Answered()
    call.peer("INVITE", 2, NEW_OFFER)
    call.listener.offers[0].reject(488)
    call.listener.offers[0].answer(ANSWER)
    assert described(call.flow) == ["100", "488"]
    assert call.call.state is CallState.ESTABLISHED


def test_unacknowledged_re_invite_ends_the_call_with_bye() -> None:
    call = Answered()
    call.peer("INVITE", 2, NEW_OFFER)
    call.listener.offers[0].answer(ANSWER)
    call.harness.advance(32.1)
    assert described(call.flow)[-1] == "BYE"
    assert call.listener.events[-1] == ("terminated", "timeout")
    call.harness.assert_nothing_left()


def test_cancelled_re_invite_gets_487_and_the_call_goes_on() -> None:
    call = Answered()
    call.peer("INVITE", 2, NEW_OFFER)
    call.flow.take()
    call.peer("CANCEL", 2, branch="z9hG4bK-INVITE2")
    assert described(call.flow) == ["200", "487"]
    assert call.call.state is CallState.ESTABLISHED
    call.listener.offers[0].answer(ANSWER)
    assert described(call.flow) == []


def test_update_with_session_description_is_answered_like_an_offer() -> None:
    call = Answered()
    call.peer("UPDATE", 2, NEW_OFFER)
    assert described(call.flow) == []
    call.listener.offers[0].answer(ANSWER)
    assert call.flow.take_response(200).body == ANSWER
    call.harness.advance(40)
    assert described(call.flow) == []


def test_second_offer_while_one_is_open_gets_500_with_retry_after() -> None:
    call = Answered()
    call.peer("INVITE", 2, NEW_OFFER)
    call.flow.take()
    call.peer("UPDATE", 3, NEW_OFFER)
    response = call.flow.take_response(500)
    assert 0 <= int(response.get("Retry-After") or "-1") <= 10


def test_bye_answers_the_open_re_invite_with_487() -> None:
    call = Answered()
    call.peer("INVITE", 2, NEW_OFFER)
    call.flow.take()
    call.peer("BYE", 3)
    assert described(call.flow) == ["200", "487"]
    call.peer("ACK", 2, branch="z9hG4bK-INVITE2")
    call.listener.offers[0].answer(ANSWER)
    assert described(call.flow) == []
    call.harness.assert_nothing_left()


def test_our_re_invite_is_acknowledged_and_its_result_reported() -> None:
    call = Answered()
    re_invite = call.offer()
    assert re_invite.body == NEW_OFFER
    assert re_invite.to_tag == "peer-tag"
    assert re_invite.get("Contact") == call.call.contact
    call.harness.receive(peer_response(re_invite, 200, body=ANSWER, contact="<sip:new@192.0.2.88>"))
    ack = call.harness.flows[("192.0.2.88", 5060, "udp")].take_request("ACK")
    assert ack.uri == "sip:new@192.0.2.88"
    assert ack.cseq.number == re_invite.cseq.number
    assert call.results == [(200, False)]
    call.harness.receive(peer_response(re_invite, 200, body=ANSWER, contact="<sip:new@192.0.2.88>"))
    assert described(call.harness.flows[("192.0.2.88", 5060, "udp")]) == ["ACK"]
    assert call.results == [(200, False)]


def test_without_result_handler_success_goes_to_the_listener() -> None:
    call = Answered()
    call.call.re_invite(NEW_OFFER)
    call.harness.receive(peer_response(call.flow.take_request("INVITE"), 200))
    assert call.listener.events == [("answer", 200)]


def test_refused_re_invite_of_ours_changes_nothing() -> None:
    call = Answered()
    call.harness.receive(peer_response(call.offer(), 488))
    assert described(call.flow) == ["ACK"]
    assert call.results == [(488, False)]
    assert call.call.state is CallState.ESTABLISHED
    assert call.listener.events == []


def test_peer_that_lost_the_dialog_ends_the_call() -> None:
    call = Answered()
    call.harness.receive(peer_response(call.offer(), 481))
    assert described(call.flow) == ["ACK", "BYE"]
    call.harness.advance(0)
    assert call.listener.events == [("terminated", "remote")]
    call.harness.assert_nothing_left()


def test_peer_that_does_not_answer_a_re_invite_ends_the_call() -> None:
    call = Answered()
    call.offer()
    call.harness.advance(32.1)
    assert described(call.flow)[-1] == "BYE"
    assert call.results == [(408, True)]
    assert call.listener.events == [("terminated", "timeout")]
    call.harness.assert_nothing_left()


def test_an_offer_before_the_ack_that_answers_ours_is_refused() -> None:
    harness = Harness()
    harness.at_invite = lambda call: call.answer(OFFER)
    harness.receive(peer_request("INVITE"))
    tag = harness.flow.take_response(200).to_tag or ""
    harness.receive(peer_request("UPDATE", to_tag=tag, cseq=2, branch="z9hG4bK-2", body=NEW_OFFER))
    harness.flow.take_response(491)
    harness.receive(peer_request("ACK", to_tag=tag, branch="z9hG4bK-ack", body=ANSWER))
    harness.receive(peer_request("UPDATE", to_tag=tag, cseq=3, branch="z9hG4bK-3", body=NEW_OFFER))
    assert harness.listener.names == ["established", "offer"]


@pytest.mark.parametrize("method", ["INVITE", "UPDATE"])
def test_an_offer_while_ours_in_a_200_waits_for_its_answer_is_refused(method: str) -> None:
    call = Answered()
    call.peer("INVITE", 2)
    call.listener.offers[0].answer(NEW_OFFER, lambda sdp: None)
    assert described(call.flow) == ["100", "200"]
    call.peer(method, 3, NEW_OFFER)
    assert described(call.flow)[-1] == "491"
    call.peer("ACK", 2, ANSWER)
    call.peer(method, 4, NEW_OFFER)
    call.listener.offers[1].answer(ANSWER)
    assert described(call.flow)[-1] == "200"


@pytest.mark.parametrize("method", ["INVITE", "UPDATE"])
def test_offer_of_the_peer_while_ours_is_open_gets_491(method: str) -> None:
    call = Answered()
    re_invite = call.offer()
    call.peer(method, 2, NEW_OFFER)
    assert described(call.flow) == ["491"]
    call.harness.receive(peer_response(re_invite, 200))
    assert call.results == [(200, False)]


def test_our_offer_refused_with_491_is_made_again_after_a_random_wait() -> None:
    call = Answered()
    first = call.offer()
    call.harness.receive(peer_response(first, 491))
    assert described(call.flow) == ["ACK"]
    call.harness.advance(2.0)
    again = call.flow.take()[0]
    assert isinstance(again, Request)
    assert again.cseq.number == first.cseq.number + 1
    assert again.body == NEW_OFFER
    call.harness.receive(peer_response(again, 200))
    assert call.results == [(200, False)]


def test_our_offer_after_491_waits_for_the_ack_to_the_peers_offer() -> None:
    call = Answered()
    call.harness.receive(peer_response(call.offer(), 491))
    call.flow.take()
    call.peer("INVITE", 2, NEW_OFFER)
    call.listener.offers[0].answer(ANSWER)
    call.harness.advance(4.1)
    assert "INVITE" not in described(call.flow)
    call.peer("ACK", 2)
    assert "INVITE" in described(call.flow)


def test_an_offer_given_as_a_function_is_made_anew_for_each_try() -> None:
    call = Answered()
    versions = iter((b"first", b"second"))
    call.call.re_invite(
        lambda: next(versions), lambda status, response: call.results.append((status, response is None))
    )
    first = call.flow.take()[0]
    assert isinstance(first, Request)
    assert first.body == b"first"
    call.harness.receive(peer_response(first, 491))
    call.flow.take()
    call.harness.advance(2.0)
    again = call.flow.take()[0]
    assert isinstance(again, Request)
    assert again.body == b"second"
    call.harness.receive(peer_response(again, 200))
    assert call.results == [(200, False)]


def test_owner_of_the_call_id_waits_longer_after_491() -> None:
    harness = Harness()
    outgoing = harness.call()
    harness.receive(peer_response(harness.flow.take_request("INVITE"), 200))
    harness.flow.take()
    outgoing.re_invite(NEW_OFFER)
    harness.receive(peer_response(harness.flow.take_request("INVITE"), 491))
    harness.flow.take()
    harness.advance(2.05)
    assert described(harness.flow) == []
    harness.advance(2)
    assert described(harness.flow)[0] == "INVITE"


def test_endless_glare_is_given_up() -> None:
    call = Answered()
    call.call.re_invite(NEW_OFFER, lambda status, response: call.results.append((status, response is None)))
    attempts: set[int] = set()
    for _ in range(300):
        for message in call.flow.take():
            if isinstance(message, Request) and message.method == "INVITE":
                attempts.add(message.cseq.number)
                call.harness.receive(peer_response(message, 491))
        call.harness.advance(0.1)
    assert len(attempts) == 13
    assert call.results == [(491, False)]


def test_a_peer_that_is_busy_for_several_short_waits_takes_our_offer_in_the_end() -> None:
    call = Answered()
    call.call.re_invite(NEW_OFFER, lambda status, response: call.results.append((status, response is None)))
    refusals = 0
    while not call.results:
        for message in call.flow.take():
            if isinstance(message, Request) and message.method == "INVITE":
                refusals += 1
                call.harness.receive(peer_response(message, 491 if refusals <= 8 else 200))
        call.harness.advance(0.1)
    assert call.results == [(200, False)]


def test_an_offer_displaced_while_it_waited_after_glare_is_told_so() -> None:
    call = Answered()
    call.harness.receive(peer_response(call.offer(), 491))
    call.flow.take()
    call.peer("INVITE", 2, NEW_OFFER)
    later: list[int] = []
    call.call.re_invite(OFFER, lambda status, response: later.append(status))
    call.harness.advance(2.1)  # ours is due again, while the peer's is open
    assert call.results == [(487, True)]
    call.listener.offers[0].answer(ANSWER)
    call.flow.take()
    call.peer("ACK", 2)
    again = call.flow.take_request("INVITE")
    assert again.body == OFFER
    call.harness.receive(peer_response(again, 200))
    assert later == [200]


def test_of_the_offers_made_while_one_is_open_the_latest_follows_it() -> None:
    call = Answered()
    first = call.offer()
    displaced: list[int] = []
    call.call.re_invite(OFFER, lambda status, response: displaced.append(status))
    call.call.re_invite(ANSWER)
    assert described(call.flow) == []
    assert displaced == [487]
    call.harness.receive(peer_response(first, 200))
    ack, second = call.flow.take()
    assert isinstance(ack, Request)
    assert isinstance(second, Request)
    assert (ack.method, second.method, second.body) == ("ACK", "INVITE", ANSWER)
    assert call.results == [(200, False)]


def test_our_offer_waits_for_the_answer_and_the_ack_of_the_peers() -> None:
    call = Answered()
    call.peer("INVITE", 2, NEW_OFFER)
    call.call.re_invite(OFFER)
    call.listener.offers[0].answer(ANSWER)
    assert described(call.flow) == ["100", "200"]
    call.peer("ACK", 2)
    assert call.flow.take_request("INVITE").body == OFFER


def test_our_offer_follows_a_refused_one_of_the_peer() -> None:
    call = Answered()
    call.peer("UPDATE", 2, NEW_OFFER)
    call.call.re_invite(OFFER)
    call.listener.offers[0].reject(488)
    assert described(call.flow) == ["488", "INVITE"]


def test_hanging_up_with_a_re_invite_open_leaves_nothing() -> None:
    call = Answered()
    re_invite = call.offer()
    call.harness.receive(peer_response(re_invite, 100, to_tag=None))
    call.call.hang_up()
    sent = [message.method for message in call.flow.take() if isinstance(message, Request)]
    assert sorted(sent) == ["BYE", "CANCEL"]
    call.harness.assert_nothing_left()
    assert call.listener.events == [("terminated", "local")]


def test_re_invite_before_the_call_is_established_is_not_sent() -> None:
    harness = Harness()
    harness.at_invite = lambda call: call.ring()
    harness.receive(peer_request("INVITE", body=OFFER))
    harness.incoming[0].re_invite(NEW_OFFER)
    assert described(harness.flow) == ["180"]


def test_update_before_the_answer_is_put_off() -> None:
    harness = Harness()
    harness.at_invite = lambda call: call.ring(183, ANSWER)
    harness.receive(peer_request("INVITE", body=OFFER))
    tag = harness.flow.take_response(183).to_tag
    harness.receive(peer_request("UPDATE", to_tag=tag, cseq=2, branch="z9hG4bK-2", body=NEW_OFFER))
    response = harness.flow.take()[0]
    assert isinstance(response, Response)
    assert response.status == 500
    assert 0 <= int(response.get("Retry-After") or -1) <= 10


@pytest.mark.parametrize(("offer", "status"), [(OFFER, 504), (b"", 491)])
def test_update_before_the_answer_when_a_reliable_one_has_told_the_session(offer: bytes, status: int) -> None:
    harness = Harness()
    harness.at_invite = lambda call: call.ring(183, ANSWER)
    harness.receive(peer_request("INVITE", body=offer, headers=(("Supported", "100rel"),)))
    tag = harness.flow.take_response(183).to_tag
    harness.receive(peer_request("UPDATE", to_tag=tag, cseq=2, branch="z9hG4bK-2", body=NEW_OFFER))
    assert harness.flow.take_response(status).get("Retry-After") is None
    harness.incoming[0].reject(486)
    assert harness.flow.take_response(486)


@pytest.mark.parametrize(("reliable", "status"), [(False, 491), (True, 504)])
def test_update_of_the_callee_before_its_answer(reliable: bool, status: int) -> None:
    harness = Harness()
    call = harness.call()
    invite = harness.flow.take_request("INVITE")
    headers = (("Require", "100rel"), ("RSeq", "1")) if reliable else ()
    harness.receive(peer_response(invite, 183, body=ANSWER, headers=headers))
    assert described(harness.flow) == (["PRACK"] if reliable else [])
    update = peer_request(
        "UPDATE",
        to_tag=invite.from_tag,
        from_tag="callee-tag",
        call_id=call.call_id,
        branch="z9hG4bK-2",
        body=NEW_OFFER,
    )
    harness.receive(update)
    assert described(harness.flow) == [str(status)]
    harness.receive(peer_response(invite, 200, body=ANSWER))
    assert described(harness.flow) == ["ACK"]
