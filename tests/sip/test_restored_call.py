"""A call that goes on in another user agent than the one that took it."""

from __future__ import annotations

import pytest

from sip.call_listener import CallState
from sip.dialog_snapshot import CSEQ_MARGIN, DialogSnapshot, SnapshotError, dialog_snapshot
from sip.restored_call import RestoredCall
from tests.support.sip_endpoint_harness import (
    ANSWER,
    OFFER,
    Harness,
    described,
    peer_request,
    peer_response,
)


def taken(*headers: tuple[str, str]) -> DialogSnapshot:
    harness = Harness()
    harness.at_invite = lambda call: call.answer(ANSWER)
    harness.receive(peer_request("INVITE", body=OFFER, headers=headers))
    tag = harness.flow.take_response(200).to_tag or ""
    harness.receive(peer_request("ACK", to_tag=tag, branch="z9hG4bK-ack"))
    snapshot = dialog_snapshot(harness.incoming[0])
    assert snapshot is not None
    return snapshot


def restored(snapshot: DialogSnapshot) -> tuple[Harness, RestoredCall]:
    harness = Harness()
    call = harness.endpoint.restore_call(snapshot, harness.flow, harness.listener)
    return harness, call


def test_the_peer_is_told_where_we_are_now_and_its_bye_ends_the_call() -> None:
    snapshot = taken()
    harness, call = restored(snapshot)
    answers: list[int] = []
    call.re_invite(OFFER, lambda status, response: answers.append(status))
    invite = harness.flow.take_request("INVITE")
    assert invite.get("Contact") == "<sip:+15550100@192.0.2.1:5060>"
    assert invite.uri == "sip:caller@192.0.2.10:5070"
    assert (invite.call_id, invite.from_tag) == (snapshot.call_id, snapshot.local_tag)
    assert invite.cseq.number == CSEQ_MARGIN + 1
    harness.receive(peer_response(invite, 200, body=ANSWER))
    assert answers == [200]
    assert described(harness.flow) == ["ACK"]
    harness.receive(peer_request("BYE", to_tag=snapshot.local_tag, cseq=2, branch="z9hG4bK-bye"))
    assert described(harness.flow) == ["200"]
    assert harness.listener.events == [("terminated", "remote")]
    harness.assert_nothing_left()


def test_it_goes_through_the_proxies_of_the_call() -> None:
    harness, call = restored(taken(("Record-Route", "<sip:192.0.2.50:5090;lr>")))
    call.re_invite(OFFER, lambda status, response: None)
    invite = harness.flows[("192.0.2.50", 5090, "udp")].take_request("INVITE")
    assert invite.get_all("Route") == ["<sip:192.0.2.50:5090;lr>"]


def test_a_peer_that_knows_the_dialog_no_more_ends_it() -> None:
    harness, call = restored(taken())
    answers: list[int] = []
    call.re_invite(OFFER, lambda status, response: answers.append(status))
    harness.receive(peer_response(harness.flow.take_request("INVITE"), 481))
    harness.advance(1)
    assert answers == [481]
    assert harness.listener.names == ["terminated"]
    assert call.state is CallState.ENDED
    assert described(harness.flow)[:2] == ["ACK", "BYE"]


def test_a_request_that_is_older_than_the_snapshot_is_refused() -> None:
    harness, _ = restored(taken())
    harness.receive(peer_request("INFO", to_tag=taken_tag(harness), cseq=0, branch="z9hG4bK-old"))
    assert described(harness.flow) == ["500"]


def taken_tag(harness: Harness) -> str:
    (call,) = harness.endpoint.calls
    return call.established_dialog.id.local_tag


def test_the_session_timer_goes_on_and_ends_a_call_that_nobody_refreshes() -> None:
    harness, _ = restored(taken(("Supported", "timer"), ("Session-Expires", "90;refresher=uac")))
    harness.advance(91)
    assert harness.listener.events == [("terminated", "expired")]
    assert described(harness.flow)[0] == "BYE"


def test_our_own_refreshes_go_on() -> None:
    harness, _ = restored(taken(("Supported", "timer"), ("Session-Expires", "90;refresher=uas")))
    harness.advance(45.1)
    # The caller's INVITE has no Allow: that it takes an UPDATE is assumed until it says otherwise.
    update = harness.flow.take_request("UPDATE")
    assert update.get("Session-Expires") == "90;refresher=uac"


def test_hanging_up_says_bye() -> None:
    harness, call = restored(taken())
    call.hang_up()
    bye = harness.flow.take_request("BYE")
    harness.receive(peer_response(bye, 200))
    harness.advance(1)
    assert harness.listener.events == [("terminated", "local")]
    harness.assert_nothing_left()


def test_a_call_that_goes_on_here_is_not_restored_beside_itself() -> None:
    snapshot = taken()
    harness, _ = restored(snapshot)
    with pytest.raises(SnapshotError, match="here already"):
        harness.endpoint.restore_call(snapshot, harness.flow, harness.listener)


def test_a_released_call_says_nothing_to_peer_and_owner_and_leaves_nothing() -> None:
    snapshot = taken()
    harness, call = restored(snapshot)
    call.release()
    harness.advance(100)
    assert described(harness.flow) == []
    assert harness.listener.events == []
    harness.receive(peer_request("BYE", to_tag=snapshot.local_tag, cseq=2, branch="z9hG4bK-bye"))
    assert described(harness.flow) == ["481"]
    harness.assert_nothing_left()
