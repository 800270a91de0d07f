"""An outgoing call: its INVITE, its early dialogs, and how it ends."""

from __future__ import annotations

import pytest

from sip.call_listener import CallState
from sip.errors import SipError
from sip.message import Request
from sip.outgoing_call import OutgoingCall
from tests.support.sip_endpoint_harness import (
    OFFER,
    Harness,
    described,
    outbound_target,
    peer_request,
    peer_response,
)


def established() -> tuple[Harness, OutgoingCall, Request]:
    harness = Harness()
    call = harness.call()
    invite = harness.flow.take_request("INVITE")
    harness.receive(peer_response(invite, 200))
    harness.flow.take_request("ACK")
    return harness, call, invite


def peer_bye(invite: Request, to_tag: str = "callee-tag", cseq: int = 1) -> Request:
    """The callee hangs up: its From is our To."""
    bye = peer_request("BYE", call_id=invite.call_id, cseq=cseq, branch=f"z9hG4bK-bye{cseq}")
    bye.set("From", f"{invite.get('To')};tag={to_tag}")
    bye.set("To", invite.get("From") or "")
    return bye


def test_invite_holds_what_the_target_says() -> None:
    harness = Harness()
    target = outbound_target(from_display='Ann "A" Other', headers=(("P-Asserted-Identity", "<sip:1@x>"),))
    call = harness.call(target)
    invite = harness.flow.take_request("INVITE")
    assert invite.uri == target.request_uri
    assert invite.from_.display_name == 'Ann "A" Other'
    assert invite.from_.uri_text == target.from_uri
    assert invite.from_tag
    assert invite.to.uri_text == target.to_uri
    assert invite.to_tag is None
    assert invite.get("Contact") == "<sip:+15550199@192.0.2.1:5060>" == call.contact
    assert "UPDATE" in (invite.get("Allow") or "")
    assert invite.get("P-Asserted-Identity") == "<sip:1@x>"
    assert invite.get("Max-Forwards") == "70"
    assert invite.top_via.text.startswith("SIP/2.0/UDP 192.0.2.1:5060;rport;branch=z9hG4bK")
    assert invite.body == OFFER
    assert invite.call_id == call.call_id


def test_provisional_answers_are_all_reported() -> None:
    harness = Harness()
    harness.call()
    invite = harness.flow.take_request("INVITE")
    for status in (100, 180, 183):
        harness.receive(peer_response(invite, status))
    assert harness.listener.events == [("progress", 100), ("progress", 180), ("progress", 183)]


def test_early_dialogs_of_a_fork_are_separate_and_go_with_the_answer() -> None:
    harness = Harness()
    call = harness.call()
    invite = harness.flow.take_request("INVITE")
    for tag in ("one", "two", "one"):
        harness.receive(peer_response(invite, 180, to_tag=tag))
    assert [dialog.id.remote_tag for dialog in call.early_dialogs] == ["one", "two"]
    assert harness.endpoint.dialog_count == 2
    harness.receive(peer_response(invite, 200, to_tag="two"))
    assert call.early_dialogs == ()
    assert harness.endpoint.dialog_count == 1
    assert call.established_dialog.id.remote_tag == "two"


def test_endless_forks_are_bounded() -> None:
    harness = Harness()
    harness.call()
    invite = harness.flow.take_request("INVITE")
    for number in range(100):
        harness.receive(peer_response(invite, 180, to_tag=str(number)))
    assert harness.endpoint.dialog_count == 16


def test_request_in_an_early_dialog_is_answered() -> None:
    harness = Harness()
    harness.call()
    invite = harness.flow.take_request("INVITE")
    harness.receive(peer_response(invite, 183, to_tag="early"))
    options = peer_bye(invite, "early")
    options.method = "OPTIONS"
    options.set("CSeq", "1 OPTIONS")
    harness.receive(options)
    assert described(harness.flow) == ["200"]
    # The callee may not say BYE before its final answer.
    harness.receive(peer_bye(invite, "early", 2))
    assert described(harness.flow) == ["481"]
    harness.receive(peer_response(invite, 200, to_tag="early"))
    assert harness.listener.names == ["progress", "answer"]


def test_callee_hangs_up() -> None:
    harness, call, invite = established()
    harness.receive(peer_bye(invite))
    assert described(harness.flow) == ["200"]
    assert harness.listener.events == [("answer", 200), ("terminated", "remote")]
    assert call.state is CallState.ENDED
    harness.assert_nothing_left()


def test_repeated_bye_gets_its_200_again_and_ends_the_call_once() -> None:
    harness, _, invite = established()
    for _ in range(3):
        harness.receive(peer_bye(invite))
    assert described(harness.flow) == ["200", "200", "200"]
    assert harness.listener.names == ["answer", "terminated"]


def test_hanging_up_sends_bye_with_reason_and_reports_later() -> None:
    harness, call, invite = established()
    call.hang_up('Q.850;cause=16;text="Normal"\r\nInjected: yes')
    bye = harness.flow.take_request("BYE")
    assert bye.cseq.number == invite.cseq.number + 1
    assert bye.get("Reason") == 'Q.850;cause=16;text="Normal" Injected: yes'
    assert bye.get("Injected") is None
    assert harness.listener.names == ["answer"]
    harness.advance(0)
    assert harness.listener.events[-1] == ("terminated", "local")
    call.hang_up()
    assert described(harness.flow) == []
    assert harness.endpoint.dialog_count == 1
    harness.receive(peer_response(bye, 200))
    assert harness.endpoint.dialog_count == 0
    harness.assert_nothing_left()


def test_bye_that_crosses_ours_gets_its_200() -> None:
    harness, call, invite = established()
    call.hang_up()
    harness.flow.take_request("BYE")
    harness.receive(peer_bye(invite))
    assert described(harness.flow) == ["200"]
    harness.advance(0)
    assert harness.listener.names == ["answer", "terminated"]
    harness.assert_nothing_left()


def test_bye_that_nobody_answers_still_frees_everything() -> None:
    harness, call, _ = established()
    call.hang_up()
    harness.assert_nothing_left()
    assert harness.listener.names == ["answer", "terminated"]


@pytest.mark.parametrize(
    "fault",
    [
        {"from_uri": "not a uri"},
        {"request_uri": "sip:1@h\r\nInjected: yes"},
        {"to_uri": "sip:"},
        {"headers": (("X-Name", "value\r\nInjected: yes"),)},
        {"headers": (("Bad Name", "value"),)},
        {"from_display": "Ann\r\nInjected: yes"},
    ],
)
def test_malformed_target_is_refused_when_the_call_is_made(fault: dict[str, object]) -> None:
    harness = Harness()
    with pytest.raises(SipError):
        harness.call(outbound_target(**fault))
    assert harness.endpoint.call_count == 0
    assert described(harness.flow) == []


def test_call_hung_up_before_its_way_was_known_is_never_sent() -> None:
    harness = Harness()
    call = harness.endpoint.prepare_call(outbound_target(), harness.flow, harness.listener)
    call.hang_up()
    harness.advance(0)
    call.start(harness.now)
    assert described(harness.flow) == []
    assert harness.listener.events == [("failure", 487, "Request Terminated", None)]
    harness.assert_nothing_left()


def test_answer_that_names_no_place_to_acknowledge_to_fails_the_call_and_leaves_nothing() -> None:
    for contact in ("<sip:nobody at home@192.0.2.10>", "nonsense"):
        harness = Harness()
        harness.call()
        invite = harness.flow.take_request("INVITE")
        harness.receive(peer_response(invite, 180))
        harness.receive(peer_response(invite, 200, contact=contact))
        assert harness.listener.names == ["progress", "failure"]
        harness.assert_nothing_left()
