"""What is kept, and what goes first."""

from __future__ import annotations

from gateway.signalling.trace_ring import (
    CONVERSATION_COST,
    KEPT_OF_BEGIN,
    KEPT_OF_END,
    MESSAGE_COST,
    CallLeg,
    TraceRing,
)
from tests.gateway.signalling.messages import traced


def leg(call_id: str) -> CallLeg:
    return CallLeg(call_id, "org", "contact", "ours")


def test_messages_are_found_by_call_id_in_their_order() -> None:
    ring = TraceRing(1_000_000, 100)
    ring.add("a", traced(b"1"))
    ring.add("b", traced(b"x"))
    ring.add("a", traced(b"2"))
    found = ring.find("a")
    assert found is not None
    assert [message.data for message in found.messages()] == [b"1", b"2"]
    assert ring.find("c") is None
    assert (ring.messages, len(ring)) == (3, 2)


def test_conversations_are_forgotten_whole_the_quietest_first() -> None:
    ring = TraceRing(1_000_000, 4)
    for name in ("a", "b", "a", "c", "c"):
        ring.add(name, traced(b"x"))
    assert ring.find("b") is None, "it was quiet for the longest time"
    assert [one is not None for one in (ring.find("a"), ring.find("c"))] == [True, True]
    assert ring.dropped == 1
    assert ring.messages == 4


def test_bytes_are_bounded_whatever_comes() -> None:
    ring = TraceRing(100_000, 1_000_000)
    for number in range(1_000):
        ring.add(f"{number}", traced(b"x" * (number % 7) * 500))
        assert ring.bytes <= 100_000
    held = sum(one.cost for one in ring)
    assert held == ring.bytes
    assert ring.bytes == sum(
        CONVERSATION_COST
        + len(one.sip_call_id)
        + sum(MESSAGE_COST + len(message.data) for message in one.messages())
        for one in ring
    )


def test_a_scanner_pushes_no_call_out() -> None:
    ring = TraceRing(100_000, 1_000_000)
    ring.add("call", traced(b"INVITE"))
    ring.claim("call", leg("c1"))
    for number in range(1_000):
        ring.add(f"scan{number}", traced(b"x" * 500))
    (mine,) = ring.of_call("c1")
    assert [message.data for message in mine.messages()] == [b"INVITE"]
    for number in range(1_000):
        ring.add(f"call{number}", traced(b"x" * 500))
        ring.claim(f"call{number}", leg(f"d{number}"))
    assert ring.of_call("c1") == [], "calls do make room for newer calls"
    assert ring.bytes <= 100_000
    ring.add("stranger", traced(b"hello"))
    assert ring.find("stranger") is not None, "and strangers have a part of the room"


def test_of_a_conversation_without_end_begin_and_end_are_kept() -> None:
    ring = TraceRing(10_000_000, 100_000)
    ring.claim("long", leg("c1"))
    total = KEPT_OF_BEGIN + KEPT_OF_END + 50
    for number in range(total):
        ring.add("long", traced(str(number).encode()))
    (one,) = ring.of_call("c1")
    kept = [int(message.data) for message in one.messages()]
    assert kept[:KEPT_OF_BEGIN] == list(range(KEPT_OF_BEGIN))
    assert kept[KEPT_OF_BEGIN:] == list(range(total - KEPT_OF_END, total))
    assert (one.dropped, ring.dropped, ring.messages) == (50, 50, len(kept))


def test_a_ring_of_no_size_keeps_nothing() -> None:
    ring = TraceRing(0, 100)
    ring.claim("a", leg("c1"))
    ring.add("a", traced(b"1"))
    ring.add("b", traced(b"1"))
    assert len(ring) == 0
    assert ring.of_call("c1") == []
    assert ring.bytes == 0


def test_the_newest_come_first() -> None:
    ring = TraceRing(1_000_000, 100)
    for at, name in ((1.0, "a"), (2.0, "b"), (3.0, "a")):
        ring.add(name, traced(b"x", at))
    assert [one.sip_call_id for one in ring] == ["a", "b"]
