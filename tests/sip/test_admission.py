"""What the gate lets in, answers or drops, seen from the wire."""

from __future__ import annotations

import pytest

from sip.admission import ADMITTED, DROPPED, Admitted, Answered, Verdict, stateless_tag
from sip.endpoint import Endpoint
from sip.errors import ParseError
from sip.message import Request
from sip.parser import parse_message
from tests.support.sip_endpoint_harness import OFFER, Harness, described, peer_request


def harness_with(verdict: Verdict) -> tuple[Harness, list[str]]:
    harness, asked = Harness(), []

    def gate(request: Request, source: tuple[str, int]) -> Verdict:
        asked.append(request.method)
        return verdict

    endpoint: Endpoint = harness.endpoint
    endpoint._gate = gate
    return harness, asked


def test_a_refusal_keeps_nothing_and_is_the_same_for_every_repetition() -> None:
    harness, _ = harness_with(Answered(401, headers=(("WWW-Authenticate", "Digest x"),)))
    invite = peer_request("INVITE", body=OFFER)
    for _ in range(3):
        harness.receive(invite)
    answers = harness.flow.take()
    assert [one.to_tag for one in answers] == [stateless_tag(invite)] * 3
    assert answers[0].get("WWW-Authenticate") == "Digest x"
    assert harness.incoming == []
    assert harness.endpoint.transactions.server_transactions == 0
    harness.receive(peer_request("ACK", to_tag=answers[0].to_tag))
    assert described(harness.flow) == []
    harness.assert_nothing_left()


def test_what_is_dropped_is_not_answered() -> None:
    harness, asked = harness_with(DROPPED)
    for method in ("INVITE", "OPTIONS", "REGISTER", "CANCEL", "BYE"):
        harness.receive(peer_request(method))
    harness.receive(peer_request("BYE", to_tag="nobody"))
    assert described(harness.flow) == []
    assert asked == ["INVITE", "OPTIONS", "REGISTER", "CANCEL", "BYE", "BYE"]
    assert harness.endpoint.transactions.counters.not_admitted == 6
    harness.assert_nothing_left()


def test_who_it_is_comes_with_the_call() -> None:
    harness, _ = harness_with(Admitted("trunk-1"))
    harness.receive(peer_request("INVITE", body=OFFER))
    assert harness.incoming[0].identity == "trunk-1"


def test_repetitions_and_what_belongs_to_a_call_are_not_asked_about_again() -> None:
    harness, asked = harness_with(ADMITTED)
    invite = peer_request("INVITE", body=OFFER)
    harness.receive(invite)
    harness.receive(invite)
    assert asked == ["INVITE"]
    call = harness.incoming[0]
    call.ring()
    tag = call.local_tag
    harness.receive(peer_request("CANCEL", branch=invite.top_via.branch))
    assert asked == ["INVITE"]
    assert call.final_status == 487
    assert tag


@pytest.mark.parametrize(
    ("verdict", "answers"),
    [(DROPPED, []), (ADMITTED, [b"SIP/2.0 400"]), (Answered(403), [b"SIP/2.0 400"])],
)
def test_what_cannot_be_read_is_answered_where_anything_is(verdict: Verdict, answers: list[bytes]) -> None:
    harness, _ = harness_with(verdict)
    wire = peer_request("INVITE", body=OFFER).serialise().replace(b"CSeq: 1", b"CSeq: x")
    with pytest.raises(ParseError) as caught:
        parse_message(wire)
    assert harness.endpoint.receive_invalid(caught.value, harness.flow)
    assert [sent[:11] for sent in harness.flow.sent_raw] == answers
