"""Outbound calls wait here for a free place, in the order in which they were asked for.

The queue is bounded: above the limit the request is refused, and a call that waited longer than `timeout_s`
is given up, so that nobody's phone rings for something that was asked an hour ago. A call whose trunk has to
pace its calls waits for its turn and is not given up; those behind it that have another trunk pass it by.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from typing import Protocol

from gateway.live_calls import LiveCalls
from store.records import CallDirection


class Dialable(Protocol):
    """What the queue holds."""

    @property
    def over(self) -> bool: ...

    @property
    def trunk_id(self) -> str | None: ...

    def dial(self) -> None: ...

    def expire(self) -> None: ...


class DialQueue:
    """First in, first out; lives on the gateway's event loop."""

    def __init__(
        self,
        live: LiveCalls,
        *,
        limit: int,
        timeout_s: float,
        pace: Callable[[str | None, float], float] = lambda trunk_id, now: 0.0,
    ) -> None:
        """`pace` tells for how long a trunk's next call has to wait, and counts it when it has not."""
        self._live = live
        self._limit = limit
        self._timeout_s = timeout_s
        self._pace = pace
        self._waiting: OrderedDict[Dialable, asyncio.TimerHandle] = OrderedDict()
        self._paced: set[Dialable] = set()  # of those waiting, whose trunk makes them wait
        self._next_turn: asyncio.TimerHandle | None = None

    def __len__(self) -> int:
        return len(self._waiting)

    @property
    def full(self) -> bool:
        return len(self._waiting) >= self._limit

    def add(self, session: Dialable) -> None:
        """Dial at once when a place is free, else wait."""
        timer = asyncio.get_running_loop().call_later(self._timeout_s, self._expire, session)
        self._waiting[session] = timer
        self._dial_next()

    def release(self, session: Dialable) -> None:
        """A call has ended, waiting or not: forget it and fill the place it may have left."""
        self._paced.discard(session)
        timer = self._waiting.pop(session, None)
        if timer is not None:
            timer.cancel()
        self._dial_next()

    def _expire(self, session: Dialable) -> None:
        if session not in self._waiting:
            return
        if session in self._paced:
            timer = asyncio.get_running_loop().call_later(self._timeout_s, self._expire, session)
            self._waiting[session] = timer
            return
        del self._waiting[session]
        session.expire()

    def _dial_next(self) -> None:
        if self._next_turn is not None:
            self._next_turn.cancel()
            self._next_turn = None
        loop = asyncio.get_running_loop()
        now = loop.time()
        waits: dict[str | None, float] = {}  # of trunks that are not free yet
        self._paced.clear()
        for session in tuple(self._waiting):
            if self._live.full(CallDirection.OUTBOUND):
                break
            if session not in self._waiting:
                continue
            trunk_id = session.trunk_id
            if not session.over:
                wait = waits[trunk_id] if trunk_id in waits else self._pace(trunk_id, now)
                if wait > 0:
                    waits[trunk_id] = wait
                    self._paced.add(session)
                    continue
            self._waiting.pop(session).cancel()
            if not session.over:
                session.dial()
        if waits:
            self._next_turn = loop.call_later(min(waits.values()), self._dial_next)
