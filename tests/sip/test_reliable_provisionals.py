"""Reliable provisional answers of ours, in virtual time (RFC 3262 section 3)."""

from __future__ import annotations

import pytest

from sip.call_listener import CallState
from sip.call_policy import CallPolicy, ReliableProvisionals
from sip.incoming_call import IncomingCall
from sip.message import Response
from tests.support.sip_endpoint_harness import ANSWER, OFFER, Harness, described, peer_request

REQUIRED = ("Require", "100rel")
SUPPORTED = ("Supported", "100rel")
OFF = CallPolicy(reliable_provisionals=ReliableProvisionals.OFF)
ALWAYS = CallPolicy(reliable_provisionals=ReliableProvisionals.REQUIRE)


class Called:
    """An incoming call and the peer's PRACKs."""

    def __init__(
        self, *headers: tuple[str, str], policy: CallPolicy | None = None, offer: bytes = OFFER
    ) -> None:
        self.harness = Harness()
        self.taken = True

        def take(call: IncomingCall) -> None:
            self.taken = call.take_policy(policy or CallPolicy())

        self.harness.at_invite = take
        self.flow = self.harness.flow
        self.harness.receive(peer_request("INVITE", body=offer, headers=headers))
        self.call = self.harness.incoming[0]
        self.sent = self.flow.take()
        self.cseq = 1

    def prack(self, response: Response, body: bytes = b"", rack: str | None = None) -> Response:
        """Acknowledge `response`; our answer to that."""
        self.cseq += 1
        value = rack if rack is not None else f"{response.get('RSeq')} 1 INVITE"
        self.harness.receive(
            peer_request(
                "PRACK",
                to_tag=self.call.local_tag,
                cseq=self.cseq,
                branch=f"z9hG4bK-p{self.cseq}",
                body=body,
                headers=(("RAck", value),),
            )
        )
        answer = self.flow.take()[0]
        assert isinstance(answer, Response)
        assert answer.cseq.method == "PRACK"
        return answer


def test_ringing_is_repeated_until_its_prack() -> None:
    called = Called(REQUIRED)
    called.call.ring()
    ringing = called.flow.take_response(180)
    assert ringing.require == ["100rel"]
    assert ringing.get("RSeq") == "1"
    called.harness.advance(3.6)
    assert described(called.flow) == ["180", "180", "180"]  # after 0.5, 1.5 and 3.5 s
    assert called.prack(ringing).status == 200
    called.harness.advance(100)
    assert described(called.flow) == []
    assert called.call.state is CallState.EARLY


def test_ringing_that_is_never_acknowledged_ends_the_call_with_504() -> None:
    called = Called(REQUIRED)
    called.call.listener = called.harness.listener
    called.call.ring()
    called.harness.advance(32.1)
    assert described(called.flow)[-1] == "504"
    assert called.harness.listener.events == [("failure", 504, "No PRACK", None)]
    called.harness.receive(peer_request("ACK", to_tag=called.call.local_tag))
    called.harness.assert_nothing_left()


@pytest.mark.parametrize("rack", ["2 1 INVITE", "1 2 INVITE", "1 1 BYE"])
def test_a_prack_that_matches_nothing_gets_481(rack: str) -> None:
    called = Called(REQUIRED)
    called.call.ring()
    ringing = called.flow.take_response(180)
    assert called.prack(ringing, rack=rack).status == 481
    assert called.prack(ringing).status == 200
    assert called.prack(ringing).status == 481, "it has been acknowledged"


@pytest.mark.parametrize("rack", ["", "1 INVITE", "x 1 INVITE", "99999999999999999999 1 INVITE"])
def test_a_prack_that_cannot_be_read_gets_400(rack: str) -> None:
    called = Called(REQUIRED)
    called.call.ring()
    assert called.prack(called.flow.take_response(180), rack=rack).status == 400


def test_the_next_waits_for_the_prack_of_the_one_before() -> None:
    called = Called(REQUIRED)
    called.call.ring()
    first = called.flow.take_response(180)
    called.call.ring(183, ANSWER)
    assert described(called.flow) == []
    called.cseq += 1
    called.harness.receive(
        peer_request(
            "PRACK",
            to_tag=called.call.local_tag,
            cseq=2,
            branch="z9hG4bK-p2",
            headers=(("RAck", f"{first.get('RSeq')} 1 INVITE"),),
        )
    )
    second, answer = called.flow.take()
    assert isinstance(answer, Response)
    assert isinstance(second, Response)
    assert (answer.status, answer.cseq.method) == (200, "PRACK")
    assert (second.status, second.get("RSeq"), second.body) == (183, "2", ANSWER)


def test_the_answer_waits_for_the_prack_to_a_session_description() -> None:
    called = Called(SUPPORTED)
    called.call.ring(183, ANSWER)
    early = called.flow.take_response(183)
    assert early.get("RSeq") == "1"
    called.call.answer(ANSWER)
    assert described(called.flow) == []
    assert called.call.state is CallState.EARLY
    called.harness.receive(
        peer_request(
            "PRACK",
            to_tag=called.call.local_tag,
            cseq=2,
            branch="z9hG4bK-p2",
            headers=(("RAck", "1 1 INVITE"),),
        )
    )
    assert described(called.flow) == ["200", "200"]
    called.harness.receive(peer_request("ACK", to_tag=called.call.local_tag, branch="z9hG4bK-ack"))
    assert called.call.state is CallState.ESTABLISHED


def test_the_answer_does_not_wait_for_the_prack_to_mere_ringing_which_still_gets_its_200() -> None:
    called = Called(REQUIRED)
    called.call.ring()
    ringing = called.flow.take_response(180)
    called.call.answer(ANSWER)
    called.flow.take_response(200)
    assert called.prack(ringing).status == 200
    called.harness.receive(peer_request("ACK", to_tag=called.call.local_tag, branch="z9hG4bK-ack"))
    called.harness.advance(60)
    assert described(called.flow) == []


def test_a_cancel_while_the_answer_waits_is_a_cancel() -> None:
    called = Called(SUPPORTED)
    called.call.ring(183, ANSWER)
    called.call.answer(ANSWER)
    called.flow.take()
    called.harness.receive(peer_request("CANCEL"))
    assert described(called.flow) == ["200", "487"]
    called.harness.receive(peer_request("ACK", to_tag=called.call.local_tag))
    called.harness.assert_nothing_left()


def test_an_offer_in_a_prack_is_refused() -> None:
    called = Called(REQUIRED)
    called.call.ring()
    assert called.prack(called.flow.take_response(180), OFFER).status == 488


def test_ringing_is_ordinary_when_the_peer_merely_can() -> None:
    called = Called(SUPPORTED)
    called.call.ring()
    assert called.flow.take_response(180).get("RSeq") is None


def test_without_an_offer_the_peer_that_insists_gets_no_ringing() -> None:
    """The first reliable answer would have to carry our offer (RFC 3262 section 5)."""
    called = Called(REQUIRED, offer=b"")
    assert [m.status for m in called.sent if isinstance(m, Response)] == [100]
    called.call.ring()
    assert described(called.flow) == []
    called.call.answer(OFFER)
    assert called.flow.take_response(200).body == OFFER


def test_a_trunk_without_100rel_refuses_a_call_that_insists() -> None:
    called = Called(REQUIRED, policy=OFF)
    assert not called.taken
    (response,) = called.sent
    assert isinstance(response, Response)
    assert (response.status, response.get("Unsupported")) == (420, "100rel")
    called = Called(SUPPORTED, policy=OFF)
    called.call.ring(183, ANSWER)
    assert called.flow.take_response(183).get("RSeq") is None


def test_a_trunk_that_insists_refuses_a_call_that_cannot() -> None:
    called = Called(policy=ALWAYS)
    (response,) = called.sent
    assert isinstance(response, Response)
    assert (response.status, response.get("Require")) == (421, "100rel")
    called.harness.receive(peer_request("ACK", to_tag=response.to_tag))
    called.harness.assert_nothing_left()
    called = Called(SUPPORTED, policy=ALWAYS)
    called.call.ring()
    assert called.flow.take_response(180).get("RSeq") == "1"


def test_prack_outside_of_any_call_gets_481() -> None:
    harness = Harness()
    harness.receive(peer_request("PRACK", headers=(("RAck", "1 1 INVITE"),)))
    harness.flow.take_response(481)
