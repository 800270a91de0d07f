"""Matching messages to transactions, and what the layer answers by itself."""

from __future__ import annotations

import pytest

from sip.message import Request
from sip.transaction_layer import server_key
from tests.support.sip_endpoint_harness import ANSWER, Harness, described, peer_request, peer_response


def test_answer_is_matched_by_branch_and_method() -> None:
    harness = Harness()
    harness.call()
    invite = harness.flow.take_request("INVITE")
    stray = peer_response(invite, 180)
    stray.set("Via", "SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKother")
    harness.receive(stray)
    other_method = peer_response(invite, 200)
    other_method.set("CSeq", "1 BYE")
    harness.receive(other_method)
    assert harness.listener.events == []
    assert harness.endpoint.transactions.counters.stray_responses == 2
    harness.receive(peer_response(invite, 180))
    assert harness.listener.names == ["progress"]


def test_repeated_invite_is_one_call() -> None:
    harness = Harness()
    for _ in range(3):
        harness.receive(peer_request("INVITE"))
    assert len(harness.incoming) == 1
    assert described(harness.flow) == ["100", "100", "100"]


def test_same_branch_from_another_host_is_another_transaction() -> None:
    harness = Harness()
    harness.receive(peer_request("INVITE"))
    other = peer_request("INVITE", call_id="other")
    other.set("Via", "SIP/2.0/UDP 192.0.2.99:5070;branch=z9hG4bK-1")
    harness.receive(other)
    assert len(harness.incoming) == 2


def test_merged_request_is_refused_with_482() -> None:
    harness = Harness()
    harness.receive(peer_request("INVITE", branch="z9hG4bK-a"))
    harness.receive(peer_request("INVITE", branch="z9hG4bK-b"))
    assert len(harness.incoming) == 1
    assert described(harness.flow) == ["100", "482"]
    assert harness.endpoint.transactions.counters.merged == 1


def test_new_call_with_the_next_cseq_is_not_a_merged_request() -> None:
    harness = Harness()
    harness.receive(peer_request("INVITE", branch="z9hG4bK-a", cseq=1))
    harness.receive(peer_request("INVITE", branch="z9hG4bK-b", cseq=2))
    assert len(harness.incoming) == 2


def test_ack_to_a_refusal_stays_in_its_transaction() -> None:
    harness = Harness()
    harness.at_invite = lambda call: call.reject(486)
    harness.receive(peer_request("INVITE"))
    tag = harness.flow.take_response(486).to_tag
    harness.receive(peer_request("ACK", to_tag=tag))
    harness.advance(4)
    assert described(harness.flow) == []
    harness.assert_nothing_left()


@pytest.mark.parametrize("branch", ["z9hG4bK-ack", "z9hG4bK-1"], ids=["new branch", "branch of the INVITE"])
def test_ack_to_a_success_reaches_the_call_whatever_its_branch(branch: str) -> None:
    harness = Harness()
    harness.at_invite = lambda call: call.answer(ANSWER)
    harness.receive(peer_request("INVITE"))
    tag = harness.flow.take_response(200).to_tag
    harness.receive(peer_request("ACK", to_tag=tag, branch=branch))
    assert harness.listener.names == ["established"]


def test_cancel_is_matched_by_the_branch_of_its_invite() -> None:
    harness = Harness()
    harness.receive(peer_request("INVITE"))
    harness.flow.take()
    harness.receive(peer_request("CANCEL"))
    cancelled, refused = harness.flow.take()
    assert str(cancelled.cseq) == "1 CANCEL"
    assert str(refused.cseq) == "1 INVITE"
    # RFC 3261 section 9.2: both answers carry the same To tag.
    assert cancelled.to_tag == refused.to_tag == harness.incoming[0].local_tag
    assert harness.listener.events == [("cancelled", "CANCEL")]


def test_repeated_cancel_gets_its_200_again() -> None:
    harness = Harness()
    harness.receive(peer_request("INVITE"))
    harness.receive(peer_request("CANCEL"))
    harness.flow.take()
    harness.receive(peer_request("CANCEL"))
    assert described(harness.flow) == ["200"]
    assert harness.listener.names == ["cancelled"]


def test_cancel_of_nothing_gets_481() -> None:
    harness = Harness()
    harness.receive(peer_request("CANCEL"))
    assert described(harness.flow) == ["481"]


def test_cancel_after_the_answer_gets_200_and_changes_nothing() -> None:
    harness = Harness()
    harness.at_invite = lambda call: call.answer(ANSWER)
    harness.receive(peer_request("INVITE"))
    tag = harness.flow.take_response(200).to_tag
    harness.receive(peer_request("CANCEL"))
    assert described(harness.flow) == ["200"]
    harness.receive(peer_request("ACK", to_tag=tag, branch="z9hG4bK-2"))
    assert harness.listener.names == ["established"]


def without_cookie(method: str) -> Request:
    request = peer_request(method)
    request.set("Via", "SIP/2.0/UDP 192.0.2.10:5070")
    return request


def test_peer_of_rfc_2543_without_branch_is_matched_by_the_old_rules() -> None:
    harness = Harness()
    harness.receive(without_cookie("INVITE"))
    harness.receive(without_cookie("INVITE"))
    assert len(harness.incoming) == 1
    harness.receive(without_cookie("CANCEL"))
    assert described(harness.flow) == ["100", "100", "200", "487"]
    harness.receive(without_cookie("ACK"))
    harness.assert_nothing_left()


def test_key_without_cookie_tells_transactions_apart() -> None:
    first, second = without_cookie("INVITE"), without_cookie("INVITE")
    assert server_key(first) == server_key(second)
    second.set("Call-ID", "another")
    assert server_key(first) != server_key(second)
    assert server_key(without_cookie("ACK")) == server_key(first)


def test_full_table_refuses_with_503_and_keeps_no_state() -> None:
    harness = Harness(max_transactions=2)
    for number in range(5):
        harness.receive(peer_request("INVITE", branch=f"z9hG4bK-{number}", call_id=f"call-{number}"))
    sent = harness.flow.take()
    assert [getattr(message, "status", 0) for message in sent] == [100, 100, 503, 503, 503]
    assert sent[-1].get("Retry-After") == "5"
    assert harness.endpoint.transactions.server_transactions == 2
    assert harness.endpoint.transactions.counters.refused_by_overload == 3


def test_own_request_beyond_the_limit_fails_as_unsendable() -> None:
    harness = Harness(max_transactions=1)
    harness.call()
    harness.call()
    harness.advance(0)
    assert harness.listener.names == ["failure"]
    assert harness.listener.events[0][1] == 503


def test_ack_that_belongs_to_nothing_is_ignored() -> None:
    harness = Harness()
    harness.receive(peer_request("ACK", to_tag="unknown"))
    assert described(harness.flow) == []
    harness.assert_nothing_left()
