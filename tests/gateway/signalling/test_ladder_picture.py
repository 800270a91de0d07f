"""The ladder as a picture: well-formed whatever a stranger has written, and true to the ladder."""

from __future__ import annotations

from xml.etree import ElementTree

from gateway.signalling.ladder import Ladder, steps_of
from gateway.signalling.ladder_picture import MOST_ROWS, ladder_picture
from gateway.signalling.trace_ring import TracedMessage
from tests.gateway.signalling.messages import sip, traced

SVG = "{http://www.w3.org/2000/svg}"


def picture(*messages: TracedMessage) -> ElementTree.Element:
    ladder = Ladder("call", "memory", steps_of([("c1", "contact", message) for message in messages]))
    return ElementTree.fromstring(ladder_picture(ladder))


def test_each_message_is_an_arrow_from_its_sender_to_its_receiver() -> None:
    root = picture(
        traced(sip(), 1.0),
        traced(sip("SIP/2.0 486 Busy Here", to_tag="o"), 1.25, sent=True),
        traced(sip(), 2.0),
    )
    columns = {line.get("x1") for line in root.findall(f"{SVG}line")}
    assert len(columns) == 2
    arrows = [
        (line.get("x1"), line.get("x2"), line.get("class")) for line in root.findall(f"{SVG}g/{SVG}line")
    ]
    there, back = arrows[0][:2], arrows[1][:2]
    assert there == back[::-1]
    assert set(there) == columns
    assert [arrow[2] for arrow in arrows] == ["a", "e", "a r"], "refusals and repetitions look different"
    texts = [text.text for text in root.iter(f"{SVG}text")]
    assert "486 Busy Here (INVITE)" in texts
    assert "0.250 s" in texts


def test_a_strangers_text_stays_text() -> None:
    evil = "</text><script>alert(1)</script>&\x00\x1b"
    root = picture(traced(f"INVITE {evil}\r\n\r\n".encode()))
    assert not list(root.iter(f"{SVG}script"))
    assert any("<script>" in (text.text or "") for text in root.iter(f"{SVG}text"))


def test_its_size_is_bounded() -> None:
    root = picture(*(traced(sip(cseq=f"{number} INVITE"), float(number)) for number in range(MOST_ROWS + 50)))
    assert len(root.findall(f"{SVG}g")) == MOST_ROWS


def test_nothing_kept_is_a_picture_too() -> None:
    root = ElementTree.fromstring(ladder_picture(Ladder(None, "none")))
    assert "No signalling is kept." in [text.text for text in root.iter(f"{SVG}text")]
