"""How a campaign's status changes: once, and with the events that tell of it in the same transaction."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from gateway.batch.campaign_object import render_campaign, statistics
from gateway.webhooks.event_names import EventName
from gateway.webhooks.payload import new_event
from store.batch_records import Campaign, CampaignStatus, ContactState
from store.database import Store
from store.webhook_records import OutboxEvent


class CampaignJournal:
    """Writes changes of status down."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def figures(self, campaign: Campaign) -> Mapping[str, Any]:
        """The campaign's statistics; those of one that is over were counted once and for all."""
        if campaign.statistics is not None:
            return campaign.statistics
        counts = await self._store.campaign_contacts.count_by_state([campaign.id])
        outcomes = await self._store.campaign_contacts.count_outcomes(campaign.id)
        return statistics(counts.get(campaign.id, {}), outcomes)

    async def move(
        self, campaign: Campaign, status: CampaignStatus, reason: str | None = None
    ) -> Campaign | None:
        """The campaign in its new status; `None` when its status is not what it was any more."""
        now = datetime.now(UTC)
        was = campaign.status
        moved = replace(
            campaign,
            status=status,
            status_reason=reason,
            updated_at=now,
            ended_at=now if status.terminal else None,
        )
        figures = await self.figures(campaign)
        if status.terminal:
            # Calls that are still up end later: only what nobody was called for is over for good.
            figures = _without_pending(figures)
            # Completed by the dialer itself, which calls nobody meanwhile; whoever cancels cannot know that.
            if status is CampaignStatus.COMPLETED and not figures[ContactState.DIALING]:
                moved = replace(moved, statistics=dict(figures))
        names = [EventName.BATCH_STATUS_CHANGED]
        if status is CampaignStatus.COMPLETED:
            names.append(EventName.BATCH_COMPLETED)
        events = [_event(moved, was, name, figures, now) for name in names]
        return moved if await self._store.campaigns.change(moved, was, events) else None

    async def close(self, campaign: Campaign) -> None:
        """Keep the last figures of a campaign whose last call has ended."""
        if campaign.statistics is None:
            final = replace(campaign, statistics=dict(await self.figures(campaign)))
            await self._store.campaigns.change(final, campaign.status)


def _event(
    campaign: Campaign, was: CampaignStatus, name: EventName, figures: Mapping[str, Any], now: datetime
) -> OutboxEvent:
    def data() -> dict[str, Any]:
        return {**render_campaign(campaign, figures), "previous_status": was.value}

    return new_event(campaign.organization_id, name, campaign.id, data, at=now)


def _without_pending(figures: Mapping[str, Any]) -> dict[str, Any]:
    pending, cancelled = ContactState.PENDING, ContactState.CANCELLED
    return {**figures, str(pending): 0, str(cancelled): figures[cancelled] + figures[pending]}
