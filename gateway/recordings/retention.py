"""The hourly round over recordings: those whose time is over are deleted, forgotten ones are taken up."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import timedelta

import structlog

from gateway.background_task import BackgroundTask
from gateway.call import Clock
from gateway.errors import ConflictError, NotFoundError, UnavailableError
from gateway.recordings.archive import RecordingArchive
from store.calls import CallRepository

log = structlog.get_logger(__name__)

INTERVAL_S = 3600.0
BATCH = 100


class RecordingSweeper(BackgroundTask):
    """`retention_days` 0 keeps recordings for ever."""

    def __init__(
        self,
        archive: RecordingArchive,
        calls: CallRepository,
        retention_days: float,
        clock: Clock | None = None,
        leading: Callable[[], bool] = lambda: True,
    ) -> None:
        """`leading`: whether this node deletes what is old; of several one does."""
        super().__init__("recording-sweeper")
        self._archive = archive
        self._calls = calls
        self._retention = timedelta(days=retention_days)
        self._clock = clock or Clock()
        self._leading = leading

    async def _run(self) -> None:
        while True:
            try:
                await self.sweep()
            except Exception:
                log.exception("recording_sweep_failed")
            await asyncio.sleep(INTERVAL_S)

    async def sweep(self) -> int:
        """One round; how many recordings were deleted."""
        taken_up = await self._archive.take_up()
        if taken_up:
            log.warning("forgotten_recordings_taken_up", count=taken_up)
        if not self._retention or not self._leading():
            return 0
        deleted = 0
        limit = self._clock.now() - self._retention
        while batch := await self._calls.recordings_older_than(limit, BATCH):
            before = deleted
            for record in batch:
                try:
                    await self._archive.delete(record, "retention")
                except UnavailableError:
                    return deleted  # the storage is away: in an hour again
                except (ConflictError, NotFoundError):
                    continue
                deleted += 1
            if deleted == before:
                break
        if deleted:
            log.info("recordings_expired", count=deleted, retention_days=self._retention.days)
        return deleted
