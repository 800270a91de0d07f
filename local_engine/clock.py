"""The one clock of the process: every 20 ms it wakes the sessions that have something due, and fires one-off
timers.

On an absolute schedule: a late tick does not make the next one late. No call has a timer or a task of its
own.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
import time
from collections.abc import Callable
from typing import Protocol

TICK_S = 0.02


class Ticked(Protocol):
    """Something the clock serves: `on_tick` is called once `wake_at` has come."""

    wake_at: float

    def on_tick(self, now: float) -> None:
        """Act on what is due at `now` (seconds, monotonic)."""


class Clock:
    """Serves all sessions. Start it on the event loop."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self.now = now
        self._sessions: dict[Ticked, None] = {}
        self._timers: list[tuple[float, int, Callable[[], None]]] = []
        self._order = itertools.count()
        self._handle: asyncio.TimerHandle | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._next = 0.0
        self._on_error: Callable[[Ticked, Exception], None] | None = None
        self.late_ticks = 0

    def start(self, on_error: Callable[[Ticked, Exception], None] | None = None) -> None:
        """Begin ticking. An exception of one session goes to `on_error` and hurts no other."""
        self._on_error = on_error
        self._loop = asyncio.get_running_loop()
        self._wake()

    def stop(self) -> None:
        """No further tick."""
        self._loop = None
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None

    @property
    def ticking(self) -> bool:
        """Whether a tick is due: not while there is nothing to serve."""
        return self._handle is not None

    def add(self, session: Ticked) -> None:
        """Serve `session` from the next tick on."""
        self._sessions[session] = None
        self._wake()

    def remove(self, session: Ticked) -> None:
        """Serve it no longer."""
        self._sessions.pop(session, None)

    def call_at(self, when: float, callback: Callable[[], None]) -> None:
        """Call `callback` at the first tick after `when`.

        There is no taking back: it must check for itself.
        """
        heapq.heappush(self._timers, (when, next(self._order), callback))
        self._wake()

    def tick(self, now: float) -> None:
        """Serve everything that is due at `now`."""
        timers = self._timers
        while timers and timers[0][0] <= now:
            heapq.heappop(timers)[2]()
        for session in [each for each in self._sessions if each.wake_at <= now]:
            try:
                session.on_tick(now)
            except Exception as error:
                if self._on_error is None:
                    raise
                self._on_error(session, error)

    def _wake(self) -> None:
        """Begin ticking again after a time with nothing to serve."""
        if self._handle is None and self._loop is not None:
            self._next = self.now() + TICK_S
            self._arm()

    def _run(self) -> None:
        now = self.now()
        self._next += TICK_S
        if self._next < now:
            missed = int((now - self._next) / TICK_S) + 1
            self.late_ticks += missed
            self._next += missed * TICK_S
        if self._sessions or self._timers:
            self._arm()
        else:
            self._handle = None
        self.tick(now)

    def _arm(self) -> None:
        if self._loop is not None:
            self._handle = self._loop.call_later(max(0.0, self._next - self.now()), self._run)
