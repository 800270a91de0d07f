"""REFERs of the peer's, and what it is told of them (RFC 3515 section 2.4)."""

from __future__ import annotations

import pytest

from sip.call import Call
from sip.call_listener import CallListener
from sip.call_policy import CallPolicy
from sip.incoming_call import IncomingCall
from sip.message import Request
from sip.received_referral import ReceivedReferral
from tests.support.sip_endpoint_harness import ANSWER, OFFER, Harness, described, peer_request, peer_response

TARGET = ("Refer-To", "<sip:1002@pbx.example.com>")


class Referred(CallListener):
    def __init__(self) -> None:
        self.referrals: list[ReceivedReferral] = []

    def on_refer(self, call: Call, referral: ReceivedReferral) -> None:
        self.referrals.append(referral)


def established(*, accepts: bool = True) -> tuple[Harness, str, Referred]:
    harness, listener = Harness(), Referred()

    def answer(call: IncomingCall) -> None:
        assert call.take_policy(CallPolicy(accepts_refer=accepts))
        call.answer(ANSWER)
        call.listener = listener

    harness.at_invite = answer
    harness.receive(peer_request("INVITE", body=OFFER))
    response = harness.flow.take_response(200)
    assert ("REFER" in (response.get("Allow") or "")) == accepts
    tag = response.to_tag or ""
    harness.receive(peer_request("ACK", to_tag=tag, branch="z9hG4bK-ack"))
    return harness, tag, listener


def refer(tag: str, cseq: int, *headers: tuple[str, str]) -> Request:
    return peer_request("REFER", to_tag=tag, cseq=cseq, branch=f"z9hG4bK-{cseq}", headers=(TARGET, *headers))


def take_notify(harness: Harness) -> Request:
    notify = harness.flow.take_request("NOTIFY")
    harness.receive(peer_response(notify, 200))
    return notify


def test_it_is_told_what_comes_of_it_to_the_end() -> None:
    harness, tag, listener = established()
    harness.receive(refer(tag, 2))
    (referral,) = listener.referrals
    assert str(referral.target.uri) == "sip:1002@pbx.example.com"
    referral.accept()
    accepted, notify = harness.flow.take()
    assert getattr(accepted, "status", None) == 202
    assert isinstance(notify, Request)
    assert (notify.get("Event"), notify.body) == ("refer;id=2", b"SIP/2.0 100 Trying\r\n")
    assert notify.get("Subscription-State") == "active;expires=180"
    assert notify.content_type == "message/sipfrag"
    harness.receive(peer_response(notify, 200))
    referral.progress(180, "Ringing")
    assert take_notify(harness).body == b"SIP/2.0 180 Ringing\r\n"
    referral.progress(180, "Ringing")
    assert described(harness.flow) == []
    referral.finish(200)
    last = take_notify(harness)
    assert last.body == b"SIP/2.0 200 OK\r\n"
    assert last.get("Subscription-State") == "terminated;reason=noresource"
    referral.finish(486)
    assert described(harness.flow) == []


def test_a_trunk_that_does_not_allow_it_refuses() -> None:
    harness, tag, listener = established(accepts=False)
    harness.receive(refer(tag, 2))
    response = harness.flow.take_response(603)
    assert "REFER" not in (response.get("Allow") or "REFER")
    assert listener.referrals == []


def test_one_at_a_time() -> None:
    harness, tag, listener = established()
    harness.receive(refer(tag, 2))
    listener.referrals[0].accept()
    harness.flow.take()
    harness.receive(refer(tag, 3))
    assert described(harness.flow) == ["491"]
    listener.referrals[0].finish(486)
    harness.flow.take()
    harness.receive(refer(tag, 4))
    assert len(listener.referrals) == 2


def test_a_peer_that_wants_no_subscription_gets_none() -> None:
    harness, tag, listener = established()
    harness.receive(refer(tag, 2, ("Refer-Sub", "false"), ("Require", "norefersub")))
    listener.referrals[0].accept()
    assert harness.flow.take_response(202).get("Refer-Sub") == "false"
    listener.referrals[0].finish(200)
    assert described(harness.flow) == []


def test_nothing_is_told_after_the_dialog() -> None:
    harness, tag, listener = established()
    harness.receive(refer(tag, 2))
    listener.referrals[0].accept()
    harness.flow.take()
    harness.receive(peer_request("BYE", to_tag=tag, cseq=3, branch="z9hG4bK-3"))
    assert described(harness.flow) == ["200"]
    listener.referrals[0].finish(200)
    assert described(harness.flow) == []
    harness.assert_nothing_left()


def test_one_that_nobody_has_answered_is_answered_when_the_call_ends() -> None:
    harness, tag, _ = established()
    harness.receive(refer(tag, 2))
    assert described(harness.flow) == []
    harness.receive(peer_request("BYE", to_tag=tag, cseq=3, branch="z9hG4bK-3"))
    assert sorted(described(harness.flow)) == ["200", "481"]


def test_a_peer_that_knows_no_subscription_hears_no_more_and_the_call_goes_on() -> None:
    harness, tag, listener = established()
    harness.receive(refer(tag, 2))
    listener.referrals[0].accept()
    _, notify = harness.flow.take()
    assert isinstance(notify, Request)
    harness.receive(peer_response(notify, 481))
    listener.referrals[0].finish(200)
    assert described(harness.flow) == []
    assert harness.endpoint.call_count == 1


@pytest.mark.parametrize(("value", "status"), [("<http://example.com/>", 416), ("nonsense", 400)])
def test_a_target_that_cannot_be_called_is_refused(value: str, status: int) -> None:
    harness, tag, listener = established()
    request = peer_request("REFER", to_tag=tag, cseq=2, branch="z9hG4bK-2", headers=(("Refer-To", value),))
    harness.receive(request)
    assert described(harness.flow) == [str(status)]
    assert listener.referrals == []


def test_an_owner_that_does_not_care_refuses() -> None:
    harness, tag, _ = established()
    harness.incoming[0].listener = CallListenerWithoutRefer()
    harness.receive(refer(tag, 2))
    assert described(harness.flow) == ["603"]


class CallListenerWithoutRefer(CallListener):
    """Hears of nothing."""
