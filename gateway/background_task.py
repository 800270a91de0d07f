"""Work that goes on beside the calls, from the gateway's start to its end."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from contextlib import suppress

CANCEL_AGAIN_S = 5.0


class BackgroundTask(ABC):
    """One asyncio task, which does what `_run` does."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin, on the running loop."""
        self._task = asyncio.create_task(self._run(), name=self._name)

    async def close(self) -> None:
        """End it wherever it is; nothing happens when it was not started, or is closed already."""
        if self._task is not None:
            while not self._task.done():
                self._task.cancel()  # a library may have taken the last one for a time-out of its own
                await asyncio.wait({self._task}, timeout=CANCEL_AGAIN_S)
            with suppress(asyncio.CancelledError):
                await self._task
            self._task = None

    @abstractmethod
    async def _run(self) -> None:
        """Goes on until it is cancelled."""
