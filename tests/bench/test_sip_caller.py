"""The generator's caller, message by message."""

from __future__ import annotations

import pytest

from bench.sip_caller import CallState, SipCaller, media_address, offer
from tests.support.sip_message import NotSipError, SipMessage, response_to, tag_of

LOCAL, REMOTE = ("127.0.0.1", 7001), ("127.0.0.1", 5060)
SDP = offer("127.0.0.1", 4000)
CONTACT = (("Contact", "<sip:gw@127.0.0.1:5099>"),)


def answered(caller: SipCaller) -> SipMessage:
    """Call 0 is up; returns its 200."""
    data, _ = caller.invite(0, SDP, 10.0)
    ok = response_to(SipMessage.parse(data), 200, "OK", to_tag="t", headers=CONTACT, body=SDP)
    list(caller.receive(ok.serialize(), REMOTE, 10.25))
    return ok


def test_invite_asks_for_the_number_at_the_target() -> None:
    caller = SipCaller(LOCAL, REMOTE, "+15550199")
    data, target = caller.invite(0, SDP, 10.0)
    invite = SipMessage.parse(data)
    assert target == REMOTE
    assert invite.start_line == "INVITE sip:+15550199@127.0.0.1:5060 SIP/2.0"
    assert invite.body == SDP
    assert caller.by_index[0].state is CallState.INVITED


def test_answer_is_acknowledged_at_the_contact_and_each_repetition_again() -> None:
    caller = SipCaller(LOCAL, REMOTE, "+15550199")
    ok = answered(caller)
    call = caller.by_index[0]
    assert (call.state, call.setup_ms, call.answer) == (CallState.UP, 250.0, SDP)
    ((data, target),) = caller.receive(ok.serialize(), REMOTE, 10.75)
    ack = SipMessage.parse(data)
    assert target == ("127.0.0.1", 5099)
    assert (ack.method, ack.sequence, tag_of(ack["To"])) == ("ACK", 1, "t")
    assert call.setup_ms == 250.0


def test_refusal_is_acknowledged_in_the_same_transaction() -> None:
    caller = SipCaller(LOCAL, REMOTE, "+15550199")
    data, _ = caller.invite(0, SDP, 10.0)
    invite = SipMessage.parse(data)
    busy = response_to(invite, 503, "Service Unavailable", to_tag="t")
    ((data, target),) = caller.receive(busy.serialize(), REMOTE, 10.1)
    assert target == REMOTE
    assert SipMessage.parse(data)["Via"] == invite["Via"]
    assert (caller.by_index[0].state, caller.by_index[0].status) == (CallState.REFUSED, 503)


def test_invite_is_repeated_until_the_first_response_and_given_up_at_last() -> None:
    caller = SipCaller(LOCAL, REMOTE, "+15550199")
    data, _ = caller.invite(0, SDP, 10.0)
    assert list(caller.due(10.4)) == []
    assert [d for d, _ in caller.due(10.5)] == [data]
    assert list(caller.due(11.0)) == []
    assert [d for d, _ in caller.due(11.5)] == [data]
    trying = response_to(SipMessage.parse(data), 100, "Trying")
    assert list(caller.receive(trying.serialize(), REMOTE, 11.6)) == []
    assert list(caller.due(20.0)) == []
    assert list(caller.due(42.1)) == []
    assert caller.by_index[0].state is CallState.TIMED_OUT


def test_our_bye_ends_the_call_and_is_repeated_until_answered() -> None:
    caller = SipCaller(LOCAL, REMOTE, "+15550199")
    answered(caller)
    call = caller.by_index[0]
    data, target = caller.hang_up(call, 30.0)
    assert target == ("127.0.0.1", 5099)
    assert [d for d, _ in caller.due(30.6)] == [data]
    assert (
        list(caller.receive(response_to(SipMessage.parse(data), 200, "OK").serialize(), REMOTE, 30.7)) == []
    )
    assert call.state is CallState.OVER
    assert not call.hung_up_by_peer


def test_their_bye_is_answered_and_counted() -> None:
    caller = SipCaller(LOCAL, REMOTE, "+15550199")
    ok = answered(caller)
    bye = SipMessage(
        "BYE sip:bench@127.0.0.1:7001 SIP/2.0",
        [("Via", "v"), ("From", ok["To"]), ("To", ok["From"]), ("Call-ID", ok["Call-ID"]), ("CSeq", "1 BYE")],
    )
    ((data, _),) = caller.receive(bye.serialize(), REMOTE, 11.0)
    assert SipMessage.parse(data).status == 200
    assert caller.by_index[0].hung_up_by_peer


def test_strange_datagrams_are_counted() -> None:
    caller = SipCaller(LOCAL, REMOTE, "+15550199")
    assert list(caller.receive(b"garbage", REMOTE, 0.0)) == []
    assert list(caller.receive(b"OPTIONS x SIP/2.0\r\nCall-ID: other\r\n\r\n", REMOTE, 0.0)) == []
    assert caller.unexpected == 2


def test_media_address_is_read_from_the_answer() -> None:
    assert media_address(SDP) == ("127.0.0.1", 4000)
    with pytest.raises(NotSipError):
        media_address(b"v=0\r\nc=IN IP4 127.0.0.1\r\nm=audio 0 RTP/AVP 0\r\n")
