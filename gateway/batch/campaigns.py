"""Campaigns as the API sees them: make, change, start, stop. Dialling itself is `gateway.batch.dialer`."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import islice
from typing import Any

from gateway.batch.contact_source import BATCH, ContactSource, SourceReader
from gateway.batch.plan import due_times
from gateway.batch.settings import CampaignSettings, settings_as_json, settings_from_json
from gateway.batch.status_change import CampaignJournal
from gateway.errors import ConflictError, InvalidRequestError, NotFoundError
from routing.table import RoutingTable
from store.batch_records import (
    Campaign,
    CampaignContact,
    CampaignFilter,
    CampaignStatus,
    ContactState,
)
from store.database import Store
from store.identifiers import uuid7
from store.records import Agent, AgentStatus, Page

STOPPED = "stopped by request"


@dataclass(frozen=True, slots=True)
class NewCampaign:
    name: str
    agent_id: str
    settings: CampaignSettings
    source: ContactSource
    number_ids: tuple[str, ...] | None = None  # in place of `settings.from_numbers`


class Campaigns:
    """What the API may do with campaigns. Raises `gateway.errors`."""

    def __init__(
        self,
        store: Store,
        table: Callable[[], RoutingTable],
        agent: Callable[[str], Agent | None],
        *,
        max_contacts: int,
    ) -> None:
        self._store = store
        self._table = table
        self._agent = agent
        self._max_contacts = max_contacts
        self._journal = CampaignJournal(store)
        self.on_changed: Callable[[], None] = _nothing  # there may be something to dial, or to stop

    async def create(self, organization_id: str, new: NewCampaign) -> Campaign:
        """A draft, with copies of its contacts. Raises `NotFoundError`, `InvalidRequestError`."""
        settings = self._checked(organization_id, new.agent_id, new.settings, new.number_ids)
        reader = SourceReader(self._store, organization_id, self._max_contacts)
        inline = await reader.check(new.source)
        now = datetime.now(UTC)
        campaign = Campaign(
            id=uuid7(),
            organization_id=organization_id,
            name=new.name,
            status=CampaignStatus.DRAFT,
            agent_id=new.agent_id,
            created_at=now,
            updated_at=now,
            settings=settings_as_json(settings),
        )
        await self._store.campaigns.create(campaign)
        async for batch in reader.read(new.source, inline, campaign.id):
            await self._store.campaign_contacts.add(batch)
        return await self._store.campaigns.assembled(campaign)

    async def get(self, organization_id: str, campaign_id: str) -> Campaign:
        """Raises `NotFoundError`."""
        campaign = await self._store.campaigns.get(organization_id, campaign_id)
        if campaign is None:
            raise NotFoundError(f"There is no campaign {campaign_id}.", campaign_id=campaign_id)
        return campaign

    async def list(
        self, organization_id: str, wanted: CampaignFilter, limit: int, offset: int
    ) -> Page[Campaign]:
        """Newest first."""
        return await self._store.campaigns.list(organization_id, wanted, limit, offset)

    async def statistics(self, campaigns: tuple[Campaign, ...]) -> dict[str, Mapping[str, Any]]:
        """How far each campaign is, by its id."""
        return {campaign.id: await self._journal.figures(campaign) for campaign in campaigns}

    async def contacts(
        self,
        organization_id: str,
        campaign_id: str,
        state: ContactState | None,
        outcome: str | None,
        limit: int,
        offset: int,
    ) -> Page[CampaignContact]:
        """A campaign's contacts in their order. Raises `NotFoundError`."""
        await self.get(organization_id, campaign_id)
        return await self._store.campaign_contacts.list(campaign_id, state, outcome, limit, offset)

    async def update(
        self,
        organization_id: str,
        campaign_id: str,
        change: Callable[[CampaignSettings], CampaignSettings],
        *,
        name: str | None = None,
        agent_id: str | None = None,
        number_ids: tuple[str, ...] | None = None,
    ) -> Campaign:
        """Change a draft or a paused campaign. Raises `NotFoundError`, `InvalidRequestError`,
        `ConflictError`.
        """
        old = await self.get(organization_id, campaign_id)
        if old.status not in (CampaignStatus.DRAFT, CampaignStatus.PAUSED):
            raise _conflict(old, "can be changed only as a draft or paused", "batch_not_changeable")
        settings = change(settings_from_json(old.settings))
        agent_id = agent_id or old.agent_id
        settings = self._checked(organization_id, agent_id, settings, number_ids)
        campaign = replace(
            old,
            name=name or old.name,
            agent_id=agent_id,
            settings=settings_as_json(settings),
            updated_at=datetime.now(UTC),
        )
        if not await self._store.campaigns.change(campaign, old.status):
            raise await self._lost(organization_id, campaign_id, "batch_not_changeable")
        return campaign

    async def delete(self, organization_id: str, campaign_id: str) -> None:
        """Remove a draft. Raises `NotFoundError`, `ConflictError`."""
        campaign = await self.get(organization_id, campaign_id)
        if not await self._store.campaigns.delete(organization_id, campaign_id, CampaignStatus.DRAFT):
            raise _conflict(campaign, "can be deleted only as a draft", "batch_not_deletable")

    async def start(self, organization_id: str, campaign_id: str) -> Campaign:
        """Begin to call, as soon as the schedule allows. Raises `NotFoundError`, `InvalidRequestError`,
        `ConflictError`.
        """
        campaign = await self.get(organization_id, campaign_id)
        if campaign.status is not CampaignStatus.DRAFT:
            raise _conflict(campaign, "has been started already", "batch_not_startable")
        return await self._run(campaign, started=True)

    async def resume(self, organization_id: str, campaign_id: str) -> Campaign:
        """Go on after a pause. Raises `NotFoundError`, `InvalidRequestError`, `ConflictError`."""
        campaign = await self.get(organization_id, campaign_id)
        if campaign.status is not CampaignStatus.PAUSED:
            raise _conflict(campaign, "is not paused", "batch_not_paused")
        return await self._run(campaign, started=False)

    async def pause(self, organization_id: str, campaign_id: str) -> Campaign:
        """Call nobody else; calls that were made go on. Raises `NotFoundError`, `ConflictError`."""
        campaign = await self.get(organization_id, campaign_id)
        if not campaign.status.running:
            raise _conflict(campaign, "does not run", "batch_not_running")
        return await self._move(campaign, CampaignStatus.PAUSED, "batch_not_running", STOPPED)

    async def cancel(self, organization_id: str, campaign_id: str) -> Campaign:
        """Call nobody any more, and take back calls that were not answered yet. Raises `NotFoundError`,
        `ConflictError`.
        """
        campaign = await self.get(organization_id, campaign_id)
        if campaign.status.terminal:
            raise _conflict(campaign, "is over", "batch_over")
        return await self._move(campaign, CampaignStatus.CANCELLED, "batch_over", None)

    async def _run(self, campaign: Campaign, *, started: bool) -> Campaign:
        settings = settings_from_json(campaign.settings)
        self._checked(campaign.organization_id, campaign.agent_id, settings, None)
        self._check_active(campaign.agent_id)
        now = datetime.now(UTC)
        first = settings.schedule.next_open(now)
        if first is None:
            raise InvalidRequestError(
                "The schedule leaves no time to call anybody.",
                code="schedule_is_over",
                field="schedule.end_at",
            )
        await self._plan(campaign, settings, now)
        waits = settings.schedule.start_at is not None and settings.schedule.start_at > now
        status = CampaignStatus.SCHEDULED if waits else CampaignStatus.ACTIVE
        begun = replace(campaign, resumed_at=now, started_at=now if started else campaign.started_at)
        code = "batch_not_startable" if started else "batch_not_paused"
        return await self._move(begun, status, code, None)

    async def _plan(self, campaign: Campaign, settings: CampaignSettings, now: datetime) -> None:
        """Say when each contact that was not tried yet is due."""
        today = settings.schedule.day_begin(now)
        usage = await self._store.attempts.usage(campaign.id, now, today)
        times = due_times(settings, now, usage.today)
        after = -1
        while untried := await self._store.campaign_contacts.untried(campaign.id, after, BATCH):
            after = untried[-1][1]
            planned = [
                (contact_id, due)
                for (contact_id, _), due in zip(untried, islice(times, len(untried)), strict=False)
            ]
            if planned:
                await self._store.campaign_contacts.schedule(planned)
            await asyncio.sleep(0)

    async def _move(
        self, campaign: Campaign, status: CampaignStatus, code: str, reason: str | None
    ) -> Campaign:
        moved = await self._journal.move(campaign, status, reason)
        if moved is None:
            raise await self._lost(campaign.organization_id, campaign.id, code)
        self.on_changed()
        return moved

    async def _lost(self, organization_id: str, campaign_id: str, code: str) -> ConflictError:
        """Somebody else was faster. Raises `NotFoundError` when the campaign is gone."""
        return _conflict(await self.get(organization_id, campaign_id), "has changed meanwhile", code)

    def _check_active(self, agent_id: str) -> None:
        """Contacts that are called with an agent which cannot call yet would be lost to the campaign."""
        agent = self._agent(agent_id)
        if agent is not None and agent.status is not AgentStatus.ACTIVE:
            raise InvalidRequestError(
                f"The agent {agent.name!r} is {agent.status}, not active.",
                code="agent_not_active",
                field="agent_id",
                agent_id=agent_id,
                status=str(agent.status),
                fix="Bring the agent to status active.",
            )

    def _checked(
        self,
        organization_id: str,
        agent_id: str,
        settings: CampaignSettings,
        number_ids: tuple[str, ...] | None,
    ) -> CampaignSettings:
        """The settings with their numbers found. The agent must be there, and the numbers be its own."""
        agent = self._agent(agent_id)
        if agent is None or agent.organization_id != organization_id:
            raise NotFoundError(f"There is no agent {agent_id}.", agent_id=agent_id)
        held = self._table().outbound_numbers(agent_id)
        if not held:
            raise InvalidRequestError(
                f"The agent {agent.name!r} has no outbound phone number.",
                code="no_phone_number_configured",
                field="agent_id",
                agent_id=agent_id,
                fix="Assign a phone number to the agent for outbound calls.",
            )
        field = "from_numbers"
        chosen = settings.from_numbers
        if number_ids is not None:
            field = "number_ids"
            by_id = {number.id: number.phone_number for number in held}
            chosen = tuple(by_id.get(one, one) for one in number_ids)
        if chosen is None:
            return settings
        own = {number.phone_number for number in held}
        for number in chosen:
            if number not in own:
                raise InvalidRequestError(
                    f"{number!r} is not an outbound number of the agent {agent.name!r}.",
                    code="from_number_not_assigned",
                    field=field,
                    agent_id=agent_id,
                    fix="Assign the number to the agent for outbound calls, or leave it out.",
                )
        return replace(settings, from_numbers=tuple(dict.fromkeys(chosen)))


def _conflict(campaign: Campaign, what: str, code: str) -> ConflictError:
    return ConflictError(
        f"The campaign {what}; it is {campaign.status}.", code=code, status=str(campaign.status)
    )


def _nothing() -> None:
    pass
