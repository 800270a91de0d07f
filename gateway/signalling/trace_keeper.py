"""Keeps the SIP messages of calls that are over in the database, and forgets old ones."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Literal

import structlog

from gateway.background_task import BackgroundTask
from gateway.signalling.saved_signalling import LegMessage, packed
from store.call_signalling import CallSignallingRepository
from store.errors import StoreError
from store.records import CallRecord, CallStatus

log = structlog.get_logger(__name__)

Saving = Literal["all", "failed", "none"]

SETTLE_S = 4.0  # the answer to the last BYE comes after the end of its call
LOOK_S = 1.0
SWEEP_S = 3600.0
QUEUE_LIMIT = 10_000
AT_ONCE = 100


class TraceKeeper(BackgroundTask):
    """`read` gives what memory holds of a call. `keep_s` of 0 keeps what is saved for ever."""

    def __init__(
        self,
        repository: CallSignallingRepository,
        read: Callable[[str], tuple[list[LegMessage], int]],
        saving: Saving,
        keep_s: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__("trace-keeper")
        self._repository = repository
        self._read = read
        self._saving = saving
        self._keep_s = keep_s
        self._clock = clock
        self._due: deque[tuple[float, str]] = deque()
        self._next_sweep = 0.0
        self.dropped = 0

    @property
    def waiting(self) -> int:
        return len(self._due)

    def ended(self, record: CallRecord) -> None:
        """A call is over: its messages are saved soon, if they are to be."""
        if self._saving == "none" or (self._saving == "failed" and record.status is not CallStatus.FAILED):
            return
        if len(self._due) >= QUEUE_LIMIT:
            self._due.popleft()
            self.dropped += 1
        self._due.append((self._clock() + SETTLE_S, record.id))

    async def saved(self, call_id: str) -> bytes | None:
        """What was saved of a call. Raises `StoreError`."""
        return await self._repository.get(call_id)

    async def close(self) -> None:
        """Save what waits, whatever is still missing of it."""
        await super().close()
        while self._due:
            try:
                await self.save_due(float("inf"))
            except StoreError as error:
                log.warning("signalling_not_saved", calls=len(self._due), error=str(error))
                return

    async def save_due(self, now: float) -> None:
        """Save those whose time has come. Raises `StoreError`, and then they wait on."""
        due = [call_id for at, call_id in list(self._due)[:AT_ONCE] if at <= now]
        found = ((call_id, self._read(call_id)) for call_id in due)
        values = [(call_id, packed(*what)) for call_id, what in found if what[0]]
        if values:
            await self._repository.save(datetime.now(UTC), values)
        for _ in due:
            self._due.popleft()

    async def _run(self) -> None:
        while True:
            try:
                await self.save_due(self._clock())
                if self._keep_s and self._clock() >= self._next_sweep:
                    self._next_sweep = self._clock() + SWEEP_S
                    while await self._repository.prune(datetime.now(UTC) - timedelta(seconds=self._keep_s)):
                        pass
            except StoreError as error:
                log.warning("signalling_not_saved", calls=len(self._due), error=str(error))
            await asyncio.sleep(LOOK_S)
