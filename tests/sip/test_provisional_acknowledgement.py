"""PRACKs of ours, in virtual time (RFC 3262 section 4)."""

from __future__ import annotations

from sip.call_listener import Credentials
from sip.call_policy import CallPolicy, ReliableProvisionals
from sip.message import Request, Response
from tests.support.sip_endpoint_harness import (
    ANSWER,
    Harness,
    described,
    outbound_target,
    peer_response,
)


def placed(reliable: ReliableProvisionals = ReliableProvisionals.ALLOW) -> tuple[Harness, Request]:
    harness = Harness()
    harness.call(
        outbound_target(policy=CallPolicy(reliable_provisionals=reliable), credentials=Credentials("u", "p"))
    )
    return harness, harness.flow.take_request("INVITE")


def ringing(
    invite: Request, number: int, status: int = 180, body: bytes = b"", tag: str = "callee-tag"
) -> Response:
    headers = (("Require", "100rel"), ("RSeq", str(number)))
    return peer_response(invite, status, headers=headers, body=body, to_tag=tag)


def test_a_reliable_answer_is_acknowledged_once_however_often_it_comes() -> None:
    harness, invite = placed()
    assert "100rel" in invite.supported
    for _ in range(3):
        harness.receive(ringing(invite, 7))
    prack = harness.flow.take_request("PRACK")
    assert prack.get("RAck") == f"7 {invite.cseq.number} INVITE"
    assert prack.cseq.number == invite.cseq.number + 1
    assert prack.to_tag == "callee-tag"
    assert prack.uri == "sip:callee@192.0.2.10:5070"
    assert harness.listener.events == [("progress", 180)]


def test_a_lost_prack_is_sent_again_until_it_is_answered() -> None:
    harness, invite = placed()
    harness.receive(ringing(invite, 1))
    prack = harness.flow.take_request("PRACK")
    harness.advance(1.6)
    assert described(harness.flow) == ["PRACK", "PRACK"]
    harness.receive(peer_response(prack, 200))
    harness.advance(30)
    assert described(harness.flow) == []


def test_answers_out_of_order_wait_for_the_one_that_is_missing() -> None:
    harness, invite = placed()
    harness.receive(ringing(invite, 1))
    harness.receive(ringing(invite, 3, 183, ANSWER))
    assert described(harness.flow) == ["PRACK"]
    harness.receive(ringing(invite, 2))
    harness.receive(ringing(invite, 3, 183, ANSWER))
    assert [m.get("RAck") for m in harness.flow.take()] == ["2 1 INVITE", "3 1 INVITE"]
    assert harness.listener.events == [("progress", 180), ("progress", 180), ("progress", 183)]


def test_each_branch_of_a_fork_has_its_own_numbers() -> None:
    harness, invite = placed()
    harness.receive(ringing(invite, 5, tag="one"))
    harness.receive(ringing(invite, 9, tag="two"))
    pracks = harness.flow.take()
    assert [(m.to_tag, m.get("RAck")) for m in pracks] == [("one", "5 1 INVITE"), ("two", "9 1 INVITE")]


def test_ack_and_bye_follow_the_numbers_of_the_pracks() -> None:
    harness, invite = placed()
    harness.receive(ringing(invite, 1))
    harness.receive(peer_response(harness.flow.take_request("PRACK"), 200))
    harness.receive(peer_response(invite, 200, body=ANSWER))
    assert harness.flow.take_request("ACK").cseq.number == 1
    (call,) = harness.endpoint.calls
    call.hang_up()
    assert harness.flow.take_request("BYE").cseq.number == 3


def test_the_bye_to_an_answer_that_crossed_the_cancel_follows_the_numbers_of_the_pracks() -> None:
    harness = Harness()
    call = harness.call()
    invite = harness.flow.take_request("INVITE")
    harness.receive(ringing(invite, 1))
    prack = harness.flow.take_request("PRACK")
    harness.receive(peer_response(prack, 200))
    call.hang_up()
    harness.flow.take_request("CANCEL")
    harness.receive(peer_response(invite, 200, body=ANSWER))
    _, bye = harness.flow.take()
    assert isinstance(bye, Request)
    assert (bye.method, bye.cseq.number) == ("BYE", prack.cseq.number + 1)
    assert harness.listener.events[-1][0] == "failure"


def test_the_bye_to_another_branch_that_answers_follows_the_numbers_of_its_pracks() -> None:
    harness, invite = placed()
    for tag in ("one", "two"):
        harness.receive(ringing(invite, 1, tag=tag))
        harness.flow.take_request("PRACK")
    harness.receive(peer_response(invite, 200, body=ANSWER, to_tag="one"))
    harness.flow.take_request("ACK")
    harness.receive(peer_response(invite, 200, body=ANSWER, to_tag="two"))
    _, bye = harness.flow.take()
    assert isinstance(bye, Request)
    assert (bye.method, bye.cseq.number) == ("BYE", invite.cseq.number + 2)


def test_a_challenged_prack_is_made_again_with_credentials() -> None:
    harness, invite = placed()
    harness.receive(ringing(invite, 1))
    challenge = (("WWW-Authenticate", 'Digest realm="r", nonce="n", algorithm=MD5, qop="auth"'),)
    harness.receive(peer_response(harness.flow.take_request("PRACK"), 401, headers=challenge))
    again = harness.flow.take_request("PRACK")
    assert "Digest" in (again.get("Authorization") or "")
    assert again.get("RAck") == "1 1 INVITE"


def test_without_rseq_or_require_an_answer_is_an_ordinary_one() -> None:
    harness, invite = placed()
    harness.receive(peer_response(invite, 180, headers=(("RSeq", "1"),)))
    harness.receive(peer_response(invite, 180, headers=(("Require", "100rel"),)))
    harness.receive(peer_response(invite, 180, headers=(("Require", "100rel"), ("RSeq", "x"))))
    harness.receive(peer_response(invite, 100, headers=(("Require", "100rel"), ("RSeq", "1"))))
    assert described(harness.flow) == []
    assert len(harness.listener.events) == 4


def test_the_policy_is_what_the_invite_says() -> None:
    _, invite = placed(ReliableProvisionals.REQUIRE)
    assert invite.require == ["100rel"]
    _, invite = placed(ReliableProvisionals.OFF)
    assert "100rel" not in invite.supported
    assert invite.get("Require") is None
    harness, invite = placed(ReliableProvisionals.REQUIRE)
    harness.receive(peer_response(invite, 420, headers=(("Unsupported", "100rel"),)))
    assert harness.listener.events[-1][:2] == ("failure", 420)
