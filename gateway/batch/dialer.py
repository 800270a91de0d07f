"""The task that dials all campaigns of which this node holds the lease, one step of each after the other."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import structlog

from gateway.background_task import BackgroundTask
from gateway.batch.campaign_run import CALLS_PAUSE_S, CAMPAIGN_PAUSE_S, CampaignRun
from gateway.batch.dial_services import DialServices

log = structlog.get_logger(__name__)

HALF_MADE_AFTER = timedelta(hours=1)  # a campaign whose contacts are still being copied then never will be


class Dialer(BackgroundTask):
    """`wake` it when a campaign was started or stopped."""

    def __init__(self, services: DialServices) -> None:
        super().__init__("campaign-dialer")
        self._services = services
        self._runs: dict[str, CampaignRun] = {}
        self._woken = asyncio.Event()

    def wake(self) -> None:
        self._woken.set()

    @property
    def campaigns(self) -> int:
        """How many campaigns run, or wait for their last calls to end."""
        return len(self._runs)

    async def close(self) -> None:
        """Stop, and give the leases back, so that another node goes on at once."""
        await super().close()
        try:
            await self._services.store.campaigns.release(self._services.node)
        except Exception:
            log.exception("campaign_leases_not_released")

    async def _run(self) -> None:
        with suppress(Exception):
            await self._services.store.campaigns.delete_unassembled(datetime.now(UTC) - HALF_MADE_AFTER)
        while True:
            self._woken.clear()
            try:
                pause = await self.step()
            except Exception:
                log.exception("campaigns_not_dialled")
                pause = CAMPAIGN_PAUSE_S
            with suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await self._woken.wait()

    async def step(self) -> float:
        """One step of each campaign; seconds until the next one."""
        campaigns = await self._services.store.campaigns.to_dial()
        wanted = {campaign.id for campaign in campaigns}
        for gone in self._runs.keys() - wanted:
            del self._runs[gone]
        pause = CAMPAIGN_PAUSE_S
        for campaign in campaigns:
            run = self._runs.setdefault(campaign.id, CampaignRun(campaign.id, self._services))
            try:
                pause = min(pause, await run.step(campaign))
            except Exception:
                log.exception("campaign_step_failed", campaign_id=campaign.id)
                pause = min(pause, CALLS_PAUSE_S * 5)
        return pause
