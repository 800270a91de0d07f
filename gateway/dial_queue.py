"""Outbound calls wait here for a free place, in the order in which they were asked for.

The queue is bounded: above the limit the request is refused, and a call that waited longer than `timeout_s`
is given up, so that nobody's phone rings for something that was asked an hour ago.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from typing import Protocol

from gateway.live_calls import LiveCalls
from store.records import CallDirection


class Dialable(Protocol):
    """What the queue holds."""

    @property
    def over(self) -> bool: ...

    def dial(self) -> None: ...

    def expire(self) -> None: ...


class DialQueue:
    """First in, first out; lives on the gateway's event loop."""

    def __init__(self, live: LiveCalls, *, limit: int, timeout_s: float) -> None:
        self._live = live
        self._limit = limit
        self._timeout_s = timeout_s
        self._waiting: OrderedDict[Dialable, asyncio.TimerHandle] = OrderedDict()

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
        timer = self._waiting.pop(session, None)
        if timer is not None:
            timer.cancel()
        self._dial_next()

    def _expire(self, session: Dialable) -> None:
        if self._waiting.pop(session, None) is not None:
            session.expire()

    def _dial_next(self) -> None:
        while self._waiting and not self._live.full(CallDirection.OUTBOUND):
            session, timer = self._waiting.popitem(last=False)
            timer.cancel()
            if not session.over:
                session.dial()
