"""The ladder as text."""

from __future__ import annotations

from gateway.signalling.ladder import Ladder, steps_of
from gateway.signalling.ladder_text import ladder_text
from tests.gateway.signalling.messages import sip, traced


def test_an_overview_and_then_every_message() -> None:
    messages = [
        traced(sip(), 10.0),
        traced(sip(), 10.5),
        traced(sip("SIP/2.0 200 OK", to_tag="o", body="m=audio 4\r\n"), 10.75, sent=True),
    ]
    text = ladder_text(Ladder("c", "memory", steps_of([("c1", None, one) for one in messages]), 3))
    assert "gateway  192.0.2.1:5060\n" in text
    assert "peer     198.51.100.7:5070\n" in text
    assert "3 messages in the middle are not kept.\n" in text
    lines = text.splitlines()
    overview = [line for line in lines if "<--" in line or "-->" in line]
    assert overview == [
        "   1     +0.000 gateway <-- 198.51.100.7:5070 udp INVITE sip:+15551230000@192.0.2.1",
        "   2     +0.500 gateway <-- 198.51.100.7:5070 udp INVITE sip:+15551230000@192.0.2.1 [again]",
        "   3     +0.750 gateway --> 198.51.100.7:5070 udp 200 OK (INVITE) [SDP]",
    ]
    assert "--- 3: 1970-01-01T00:00:10.750000Z 192.0.2.1:5060 -> 198.51.100.7:5070" in lines
    assert lines.count("Call-ID: c1") == 3


def test_nobody_steers_the_readers_terminal() -> None:
    message = traced(sip(headers="Subject: \x1b[31mred\x07\r\n"))
    text = ladder_text(Ladder(None, "memory", steps_of([("c1", None, message)])))
    assert "\x1b" not in text
    assert "\x07" not in text
    assert "Subject: ?[31mred?" in text


def test_nothing_kept_is_said() -> None:
    assert ladder_text(Ladder("c", "none")) == "No signalling is kept.\n"
