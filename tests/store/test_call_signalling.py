"""Kept SIP messages in the database."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from store import Store

NOW = datetime(2026, 5, 6, tzinfo=UTC)


async def test_what_is_saved_is_found_and_stays_as_it_was(store: Store) -> None:
    value = bytes(range(256))
    await store.call_signalling.save(NOW, [("a", value), ("b", b"2")])
    await store.call_signalling.save(NOW, [("a", b"again")])
    assert await store.call_signalling.get("a") == value
    assert await store.call_signalling.get("b") == b"2"
    assert await store.call_signalling.get("c") is None


async def test_what_is_older_goes(store: Store) -> None:
    for hours in range(4):
        await store.call_signalling.save(NOW - timedelta(hours=hours), [(f"{hours}", b"x")])
    assert await store.call_signalling.prune(NOW - timedelta(hours=1, minutes=30)) == 2
    assert await store.call_signalling.prune(NOW - timedelta(hours=1, minutes=30)) == 0
    assert [await store.call_signalling.get(f"{hours}") is not None for hours in range(4)] == [
        True,
        True,
        False,
        False,
    ]
