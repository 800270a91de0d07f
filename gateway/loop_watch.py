"""How late the event loop is: a tick ten times a second that measures by how much it was missed."""

from __future__ import annotations

import asyncio

INTERVAL_S = 0.1


class LoopWatch:
    """Keeps the worst lag since it was last asked."""

    def __init__(self) -> None:
        self._handle: asyncio.TimerHandle | None = None
        self._due = 0.0
        self._worst = 0.0

    def start(self) -> None:
        self._arm(asyncio.get_running_loop())

    async def close(self) -> None:
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None

    def take(self) -> float:
        """The worst lag in seconds since the last call, which it forgets."""
        worst, self._worst = self._worst, 0.0
        return worst

    def _arm(self, loop: asyncio.AbstractEventLoop) -> None:
        self._due = loop.time() + INTERVAL_S
        self._handle = loop.call_at(self._due, self._tick, loop)

    def _tick(self, loop: asyncio.AbstractEventLoop) -> None:
        self._worst = max(self._worst, loop.time() - self._due)
        self._arm(loop)
