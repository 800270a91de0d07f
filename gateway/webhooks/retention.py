"""The hourly round over webhook deliveries: those that ended long ago are forgotten."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import structlog

from gateway.background_task import BackgroundTask
from store.errors import StoreError
from store.webhook_queue import WebhookQueue
from store.webhook_records import DeliveryState

log = structlog.get_logger(__name__)

INTERVAL_S = 3600.0


class DeliverySweeper(BackgroundTask):
    """A time of 0 keeps them for ever."""

    def __init__(
        self,
        queue: WebhookQueue,
        keep_delivered_s: float,
        keep_dead_s: float,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        super().__init__("webhook-sweeper")
        self._queue = queue
        self._keep = {DeliveryState.DELIVERED: keep_delivered_s, DeliveryState.DEAD: keep_dead_s}
        self._now = now

    async def _run(self) -> None:
        while True:
            try:
                await self.sweep()
            except StoreError as error:
                log.warning("webhook_sweep_failed", error=str(error))
            await asyncio.sleep(INTERVAL_S)

    async def sweep(self) -> int:
        """One round; how many deliveries were removed. Raises `StoreError`."""
        removed = 0
        for state, keep_s in self._keep.items():
            if keep_s:
                limit = self._now() - timedelta(seconds=keep_s)
                while count := await self._queue.prune(state, limit):
                    removed += count
        if removed:
            log.info("webhook_deliveries_expired", count=removed)
        return removed
