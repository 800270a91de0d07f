"""A call's messages as a value of the database."""

from __future__ import annotations

from gateway.signalling.saved_signalling import MOST_BYTES, packed, unpacked
from tests.gateway.signalling.messages import sip, traced


def test_what_is_packed_comes_back() -> None:
    messages = [("c1", "contact", traced(sip())), ("c2", None, traced(b"\xff\x00", sent=True))]
    assert unpacked(packed(messages, 3)) == (messages, 3)


def test_one_call_takes_no_more_than_its_share() -> None:
    big = [("c1", None, traced(b"x" * 60_000)) for _ in range(30)]
    messages, dropped = unpacked(packed(big, 0))
    assert sum(len(message.data) for _, _, message in messages) <= MOST_BYTES
    assert len(messages) + dropped == 30
    assert dropped > 0
