"""Deletes at the engine what was deleted here, as often as it takes.

The list is in the store (`store.engine_removals`), so that an engine that is away, or a restart, costs time
only.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping

import structlog

from gateway.background_task import BackgroundTask
from media.ultravox.errors import EngineApiError, EngineRefusedError
from media.ultravox.library import EngineLibrary
from media.ultravox.rest import UltravoxClient
from store.engine_removals import EngineObject, EngineRemoval, EngineRemovalRepository

log = structlog.get_logger(__name__)

FIRST_PAUSE_S = 1.0
LONGEST_PAUSE_S = 300.0


class EngineRemovals(BackgroundTask):
    """One task that works the list off, oldest first."""

    def __init__(
        self,
        removals: EngineRemovalRepository,
        engine: UltravoxClient,
        *,
        first_pause_s: float = FIRST_PAUSE_S,
    ) -> None:
        super().__init__("engine-removals")
        self._removals = removals
        self._first_pause_s = first_pause_s
        self._delete: Mapping[EngineObject, Callable[[str], Awaitable[None]]] = {
            EngineObject.AGENT: engine.delete_agent,
            EngineObject.CORPUS: EngineLibrary(engine).delete_corpus,
        }
        self._wake = asyncio.Event()

    def wake(self) -> None:
        """There is something new on the list."""
        self._wake.set()

    async def _run(self) -> None:
        pause = self._first_pause_s
        while True:
            self._wake.clear()
            try:
                done = await self.work_off()
            except Exception:
                log.exception("engine_removals_failed")
                done = False
            if done:
                pause = self._first_pause_s
                await self._wake.wait()
            else:
                await asyncio.sleep(pause)
                pause = min(pause * 2, LONGEST_PAUSE_S)

    async def work_off(self) -> bool:
        """Try each entry once; false when some are left."""
        left = False
        while entries := await self._removals.list():
            deleted = 0
            for entry in entries:
                if await self._remove(entry):
                    await self._removals.done(entry)
                    deleted += 1
            left = deleted < len(entries)
            if left:
                break
        return not left

    async def _remove(self, entry: EngineRemoval) -> bool:
        try:
            await self._delete[entry.kind](entry.engine_id)
        except EngineRefusedError as error:
            if error.status == 404:
                return True  # gone already
            log.warning("engine_object_not_deleted", kind=entry.kind, error=str(error))
            return False
        except EngineApiError as error:
            log.info("engine_object_not_deleted_yet", kind=entry.kind, error=str(error))
            return False
        return True
