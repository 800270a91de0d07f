"""Session timers in both roles, in virtual time (RFC 4028)."""

from __future__ import annotations

from typing import Any

import pytest

from sip.call_listener import CallState
from sip.call_policy import CallPolicy, SessionTimers
from sip.incoming_call import IncomingCall
from sip.message import Request, Response
from tests.support.sip_endpoint_harness import (
    ANSWER,
    OFFER,
    Harness,
    described,
    outbound_target,
    peer_request,
    peer_response,
)

ALLOW_UPDATE = ("Allow", "INVITE, ACK, BYE, UPDATE")
TIMER = ("Supported", "timer")


def called(policy: CallPolicy | None = None, *headers: tuple[str, str]) -> tuple[Harness, Response, str]:
    """An incoming call that was answered and acknowledged, its 200 and our tag."""
    harness = Harness()

    def take(call: IncomingCall) -> None:
        if call.take_policy(policy or CallPolicy()):
            call.answer(ANSWER)

    harness.at_invite = take
    harness.receive(peer_request("INVITE", body=OFFER, headers=headers))
    (response,) = harness.flow.take()
    assert isinstance(response, Response)
    tag = response.to_tag or ""
    if response.status == 200:
        harness.receive(peer_request("ACK", to_tag=tag, branch="z9hG4bK-ack"))
    return harness, response, tag


def calling(
    policy: CallPolicy | None = None, headers: tuple[tuple[str, str], ...] = (), **target: Any
) -> tuple[Harness, Request]:
    """A call of ours that the peer answered with `headers`, and its INVITE."""
    harness = Harness()
    harness.call(outbound_target(policy=policy or CallPolicy(), **target))
    invite = harness.flow.take_request("INVITE")
    harness.receive(peer_response(invite, 200, body=ANSWER, headers=headers))
    assert described(harness.flow) == ["ACK"]
    return harness, invite


def test_a_peer_that_asks_is_answered_and_we_refresh_at_half_the_interval() -> None:
    harness, response, _ = called(None, TIMER, ("Session-Expires", "90"), ALLOW_UPDATE)
    assert response.get("Session-Expires") == "90;refresher=uas"
    assert response.get("Require") == "timer"
    assert "timer" in response.supported
    for _ in range(20):
        harness.advance(44.9)
        assert described(harness.flow) == []
        harness.advance(0.1)
        update = harness.flow.take_request("UPDATE")
        assert update.get("Session-Expires") == "90;refresher=uac"
        assert not update.body
        assert "timer" in update.supported
        harness.receive(peer_response(update, 200, headers=(("Session-Expires", "90;refresher=uac"),)))
    assert harness.incoming[0].state is CallState.ESTABLISHED


def test_a_peer_without_update_is_asked_by_a_re_invite_of_the_owners() -> None:
    harness, _, _ = called(None, TIMER, ("Session-Expires", "90"), ("Allow", "INVITE, ACK, BYE"))
    call = harness.incoming[0]
    harness.listener.on_refresh_due = lambda _call: call.re_invite(ANSWER)  # type: ignore[method-assign]
    harness.advance(45)
    again = harness.flow.take_request("INVITE")
    assert again.get("Session-Expires") == "90;refresher=uac"
    assert again.body == ANSWER
    harness.receive(peer_response(again, 200, headers=(("Session-Expires", "90;refresher=uac"),)))
    assert described(harness.flow) == ["ACK"]
    harness.advance(44)
    assert described(harness.flow) == []


@pytest.mark.parametrize("status", [403, 405, 420, 488, 501])
def test_an_update_that_is_not_known_after_all_becomes_a_re_invite(status: int) -> None:
    harness, _, _ = called(None, TIMER, ("Session-Expires", "90"))
    call = harness.incoming[0]
    harness.listener.on_refresh_due = lambda _call: call.re_invite(ANSWER)  # type: ignore[method-assign]
    harness.advance(45)
    harness.receive(peer_response(harness.flow.take_request("UPDATE"), status))
    assert described(harness.flow) == ["INVITE"]


def test_a_peer_that_refreshes_keeps_the_call_and_one_that_stops_loses_it() -> None:
    harness, response, tag = called(None, TIMER, ("Session-Expires", "90;refresher=uac"))
    assert response.get("Session-Expires") == "90;refresher=uac"
    for number in range(2, 12):
        harness.advance(45)
        harness.receive(
            peer_request(
                "UPDATE",
                to_tag=tag,
                cseq=number,
                branch=f"z9hG4bK-u{number}",
                headers=(TIMER, ("Session-Expires", "90;refresher=uac")),
            )
        )
        answer = harness.flow.take_response(200)
        assert answer.get("Session-Expires") == "90;refresher=uac"
        assert answer.get("Require") == "timer"
    # 90 s less a third of it: a little before the end (section 10).
    harness.advance(59.9)
    assert described(harness.flow) == []
    harness.advance(0.2)
    bye = harness.flow.take_request("BYE")
    assert bye.get("Reason") == 'SIP;cause=408;text="Session Expired"'
    assert harness.listener.events[-1] == ("terminated", "expired")
    harness.receive(peer_response(bye, 200))
    harness.assert_nothing_left()


def test_a_re_invite_of_the_peer_is_a_refresh_too() -> None:
    harness, _, tag = called(None, TIMER, ("Session-Expires", "90;refresher=uac"))
    harness.listener.on("offer", lambda offer: harness.listener.offers[-1].answer(ANSWER))
    harness.advance(50)
    headers = (TIMER, ("Session-Expires", "120;refresher=uac"))
    harness.receive(
        peer_request("INVITE", to_tag=tag, cseq=2, branch="z9hG4bK-2", body=OFFER, headers=headers)
    )
    answer = next(m for m in harness.flow.take() if isinstance(m, Response) and m.status == 200)
    assert answer.get("Session-Expires") == "120;refresher=uac"
    harness.receive(peer_request("ACK", to_tag=tag, cseq=2, branch="z9hG4bK-a2"))
    harness.advance(87.9)
    assert described(harness.flow) == []
    harness.advance(0.2)
    assert described(harness.flow) == ["BYE"]


def test_too_short_an_interval_gets_422_before_and_in_the_call() -> None:
    policy = CallPolicy(min_session_expires=300)
    harness, response, _ = called(policy, TIMER, ("Session-Expires", "120"))
    assert (response.status, response.get("Min-SE")) == (422, "300")
    assert harness.endpoint.call_count == 0
    harness, _, tag = called(policy, TIMER, ("Session-Expires", "300;refresher=uac"))
    for method, body in (("UPDATE", b""), ("UPDATE", OFFER), ("INVITE", OFFER)):
        cseq = len(harness.listener.offers) + harness.endpoint.transactions.server_transactions + 1
        headers = (TIMER, ("Session-Expires", "120"))
        harness.receive(
            peer_request(method, to_tag=tag, cseq=cseq, branch=f"z9hG4bK-{cseq}", body=body, headers=headers)
        )
        assert harness.flow.take_response(422).get("Min-SE") == "300"
    assert harness.incoming[0].state is CallState.ESTABLISHED


def test_a_proxys_short_interval_for_a_caller_without_timers_is_not_refused() -> None:
    """Section 9: it could not raise it."""
    policy = CallPolicy(min_session_expires=300)
    harness, response, _ = called(policy, ("Session-Expires", "120"))
    assert response.get("Session-Expires") == "120;refresher=uas"
    assert response.get("Require") is None
    harness.advance(60)
    assert described(harness.flow) == ["UPDATE"]


def test_always_asks_a_caller_who_knows_no_timers() -> None:
    harness, response, _ = called(CallPolicy(SessionTimers.ALWAYS, session_expires=200))
    assert response.get("Session-Expires") == "200;refresher=uas"
    assert response.get("Require") is None
    harness.advance(100)
    assert described(harness.flow) == ["UPDATE"]


def test_allow_leaves_a_call_alone_when_nobody_asks() -> None:
    harness, response, _ = called(None, TIMER)
    assert response.get("Session-Expires") is None
    harness.advance(100_000)
    assert described(harness.flow) == []


def test_off_knows_no_timers_and_refuses_one_that_insists() -> None:
    off = CallPolicy(SessionTimers.OFF)
    harness, response, _ = called(off, TIMER, ("Session-Expires", "90"))
    assert response.get("Session-Expires") is None
    assert "timer" not in response.supported
    harness.advance(1000)
    assert described(harness.flow) == []
    _, response, _ = called(off, ("Require", "timer"), ("Session-Expires", "90"))
    assert (response.status, response.get("Unsupported")) == (420, "timer")


def test_a_call_of_ours_is_refreshed_by_whom_the_callee_names() -> None:
    harness, invite = calling(
        CallPolicy(SessionTimers.ALWAYS, session_expires=120),
        (("Session-Expires", "120;refresher=uas"), ("Require", "timer")),
    )
    assert invite.get("Session-Expires") == "120"
    assert "timer" in invite.supported
    harness.advance(87.9)
    assert described(harness.flow) == []
    harness.advance(0.2)
    assert described(harness.flow) == ["BYE"]
    assert harness.listener.events[-1] == ("terminated", "expired")

    harness, _ = calling(None, (("Session-Expires", "120;refresher=uac"),))
    harness.advance(60)
    assert described(harness.flow) == ["UPDATE"]


def test_a_callee_who_knows_no_timers_is_refreshed_by_us_alone() -> None:
    harness, _ = calling(CallPolicy(SessionTimers.ALWAYS, session_expires=120))
    harness.advance(60)
    update = harness.flow.take_request("UPDATE")
    harness.receive(peer_response(update, 481))
    harness.advance(0)
    assert harness.listener.events[-1] == ("terminated", "remote")


def test_a_422_is_followed_by_an_invite_for_as_long_as_it_says() -> None:
    harness = Harness()
    harness.call(outbound_target(policy=CallPolicy(SessionTimers.ALWAYS, session_expires=120)))
    first = harness.flow.take_request("INVITE")
    harness.receive(peer_response(first, 422, headers=(("Min-SE", "600"),)))
    ack, second = harness.flow.take()
    assert isinstance(ack, Request)
    assert isinstance(second, Request)
    assert (second.get("Session-Expires"), second.get("Min-SE")) == ("600", "600")
    assert (second.call_id, second.from_tag) == (first.call_id, first.from_tag)
    assert second.cseq.number == first.cseq.number + 1
    harness.receive(peer_response(second, 422, headers=(("Min-SE", "600"),)))
    assert described(harness.flow) == ["ACK"]
    assert harness.listener.events[-1][:2] == ("failure", 422)
    harness.assert_nothing_left()


def test_a_422_to_a_refresh_lengthens_the_interval() -> None:
    harness, _, _ = called(None, TIMER, ("Session-Expires", "90"))
    harness.advance(45)
    harness.receive(peer_response(harness.flow.take_request("UPDATE"), 422, headers=(("Min-SE", "180"),)))
    again = harness.flow.take_request("UPDATE")
    assert (again.get("Session-Expires"), again.get("Min-SE")) == ("180;refresher=uac", "180")
    harness.receive(peer_response(again, 200, headers=(("Session-Expires", "180;refresher=uac"),)))
    harness.advance(89)
    assert described(harness.flow) == []


def test_a_refresh_that_is_refused_for_the_moment_is_made_again_until_the_session_ends() -> None:
    harness, _, _ = called(None, TIMER, ("Session-Expires", "90"))
    harness.advance(45)
    tries = 0
    while harness.incoming[0].state is CallState.ESTABLISHED:
        for message in harness.flow.take():
            assert isinstance(message, Request)
            harness.receive(peer_response(message, 500))
            tries += 1
        harness.advance(1)
    assert tries == 9
    assert harness.listener.events[-1] == ("terminated", "expired")


def test_a_refresh_that_nobody_answers_ends_the_call() -> None:
    harness, _, _ = called(None, TIMER, ("Session-Expires", "90"))
    harness.advance(45 + 32.1)
    assert described(harness.flow)[-1] == "BYE"
    assert harness.listener.events[-1] == ("terminated", "timeout")
    harness.assert_nothing_left()


@pytest.mark.parametrize("value", ["", "soon", "-5", "99999999999999", ";refresher=uac"])
def test_an_interval_that_cannot_be_read_counts_as_none(value: str) -> None:
    harness, response, _ = called(None, TIMER, ("Session-Expires", value))
    assert response.status == 200
    assert response.get("Session-Expires") is None
    harness.advance(10_000)
    assert described(harness.flow) == []


def test_a_hang_up_stops_the_timer() -> None:
    harness, _, _ = called(None, TIMER, ("Session-Expires", "90"))
    harness.incoming[0].hang_up()
    harness.receive(peer_response(harness.flow.take_request("BYE"), 200))
    harness.assert_nothing_left()
    assert described(harness.flow) == []
