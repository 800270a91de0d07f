"""The calls that live now: found by id, counted against the capacity, waited for when the gateway drains."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import TYPE_CHECKING

from store.records import CallDirection

if TYPE_CHECKING:
    from gateway.session import Session


class LiveCalls:
    """Every session from its creation until its last record is with the store."""

    def __init__(self, *, max_inbound: int, max_outbound: int, max_browser: int | None = None) -> None:
        self._limits = {
            CallDirection.INBOUND: max_inbound,
            CallDirection.OUTBOUND: max_outbound,
            CallDirection.WEBRTC: max_browser,
        }
        self._counts = dict.fromkeys(CallDirection, 0)
        self._sessions: dict[str, Session] = {}
        self._empty = asyncio.Event()
        self._empty.set()

    def __len__(self) -> int:
        return len(self._sessions)

    def __iter__(self) -> Iterator[Session]:
        return iter(tuple(self._sessions.values()))

    def count(self, direction: CallDirection) -> int:
        """Calls of this direction that hold a place; queued outbound calls hold none yet."""
        return self._counts[direction]

    def full(self, direction: CallDirection) -> bool:
        limit = self._limits.get(direction)
        return limit is not None and self._counts[direction] >= limit

    def add(self, session: Session) -> None:
        self._sessions[session.call.id] = session
        self._empty.clear()

    def occupy(self, direction: CallDirection) -> None:
        """Take a place against the capacity; given back by `release`."""
        self._counts[direction] += 1

    def release(self, direction: CallDirection) -> None:
        self._counts[direction] -= 1

    def get(self, call_id: str) -> Session | None:
        return self._sessions.get(call_id)

    def remove(self, call_id: str) -> None:
        self._sessions.pop(call_id, None)
        if not self._sessions:
            self._empty.set()

    async def wait_until_empty(self, timeout: float) -> bool:  # noqa: ASYNC109
        """Wait for the last call to end, at most `timeout` seconds; false when some are left."""
        try:
            await asyncio.wait_for(self._empty.wait(), timeout)
        except TimeoutError:
            return False
        return True
