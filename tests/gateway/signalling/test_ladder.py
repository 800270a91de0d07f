"""What belongs to a call, and what can be read of it."""

from __future__ import annotations

from gateway.signalling.ladder import Ladder, of_leg, of_strangers, steps_of
from gateway.signalling.trace_ring import CallLeg, Conversation
from tests.gateway.signalling.messages import HERE, PEER, sip, traced

LEG = CallLeg("call", "org", "contact", "ours", "theirs", PEER)
INVITE = traced(sip(), 1.0)
TRYING = traced(sip("SIP/2.0 100 Trying"), 1.001, sent=True)
OK = traced(sip("SIP/2.0 200 OK", to_tag="ours", body="v=0\r\nm=audio 4 RTP/AVP 0\r\n"), 1.5, sent=True)
BYE = traced(sip("BYE sip:a@b SIP/2.0", from_tag="ours", to_tag="theirs", cseq="1 BYE"), 2.0, sent=True)


def test_a_call_has_its_dialog_and_the_invite_that_made_it() -> None:
    elsewhere = traced(sip(), peer=("203.0.113.66", 5060))
    other_tag = traced(sip(from_tag="forged"))
    other_dialog = traced(sip("BYE sip:a@b SIP/2.0", from_tag="theirs", to_tag="guessed", cseq="9 BYE"))
    unreadable = traced(b"INVITE nonsense\r\nCall-ID: c1\r\n\r\n")
    mine = [INVITE, TRYING, OK, BYE]
    strange = [elsewhere, other_tag, other_dialog, unreadable]
    assert of_leg(mine + strange, LEG) == mine, "a Call-ID alone makes nothing ours"
    conversation = Conversation("c1", begin=mine + strange, legs=[LEG])
    assert of_strangers(conversation) == strange


def test_steps_say_what_each_message_is() -> None:
    steps = steps_of([("c1", "contact", message) for message in (OK, INVITE, BYE, TRYING)])
    assert [step.label for step in steps] == [
        "INVITE sip:+15551230000@192.0.2.1",
        "100 Trying (INVITE)",
        "200 OK (INVITE)",
        "BYE sip:a@b",
    ]
    assert [(step.method, step.status, step.reason) for step in steps] == [
        ("INVITE", None, None),
        ("INVITE", 100, "Trying"),
        ("INVITE", 200, "OK"),
        ("BYE", None, None),
    ]
    assert [step.sdp for step in steps] == [False, False, True, False]
    assert [step.source for step in steps] == ["198.51.100.7:5070", *["192.0.2.1:5060"] * 3]
    assert steps[0].time == "1970-01-01T00:00:01.000000Z"
    assert steps[0].cseq == "1 INVITE"


def test_a_repetition_is_told_from_something_new() -> None:
    again = INVITE._replace(at=1.5)
    answer = traced(sip("SIP/2.0 180 Ringing", to_tag="ours"), 1.2, sent=True)
    steps = steps_of([("c1", None, message) for message in (INVITE, answer, again)])
    assert [step.repeated for step in steps] == [False, False, True]


def test_what_cannot_be_read_is_shown_all_the_same() -> None:
    (step,) = steps_of([("c1", None, traced(b"INVITE \xff\r\nCall-ID: c1\r\n\r\n"))])
    assert step.label == "unreadable: INVITE \ufffd"
    assert step.method is None
    assert step.text.startswith("INVITE \ufffd")


def test_participants_are_in_the_order_of_their_first_word() -> None:
    ladder = Ladder("call", "memory", steps_of([("c1", "contact", INVITE), ("c1", "contact", OK)]))
    assert ladder.participants == (("198.51.100.7:5070", "peer"), ("192.0.2.1:5060", "gateway"))
    assert HERE[1] == 5060
