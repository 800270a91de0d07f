"""One campaign being dialled by this node: settle what has ended, see what is allowed, commit, call.

A step reads the state from the store, so that it makes no difference whether the step before was made by this
process, by one that was killed, or by another node. Only the lease has to be this node's.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import structlog

from gateway.batch.allowance import allowance, choose_number
from gateway.batch.dial_services import DialServices
from gateway.batch.outcomes import refuse, settle, tripped, withdraw
from gateway.batch.settings import CampaignSettings, settings_from_json
from gateway.errors import (
    ConflictError,
    ForbiddenError,
    GatewayError,
    InvalidRequestError,
    LimitExceededError,
    NotFoundError,
    UnavailableError,
)
from gateway.new_call import NewCall
from store.batch_records import Campaign, CampaignContact, CampaignStatus, NewAttempt, Settlement, Usage
from store.identifiers import uuid7

log = structlog.get_logger(__name__)

LEASE = timedelta(seconds=5)
CAMPAIGN_PAUSE_S = 1.0  # until a campaign is looked at again whose next moment is far, or not ours
CALLS_PAUSE_S = 0.1  # the same while calls are up, whose ends make room
BREAKER_REASON = "most of the last calls failed technically"

# Refusals for which the number that was to be called is at fault, not the set-up.
_OF_THE_CONTACT = frozenset({"invalid_number"})


@dataclass(slots=True)
class CampaignRun:
    """What this node remembers of a campaign between two steps; nothing of it is needed by a successor."""

    campaign_id: str
    services: DialServices
    _leased_until: datetime | None = None
    _usage: Usage | None = None
    _day_begin: datetime | None = None
    _cancelled: set[str] = field(default_factory=set)

    async def step(self, campaign: Campaign) -> float:
        """Do what is to be done now; seconds until the next look."""
        try:
            return await self._step(campaign)
        except Exception:
            # Calls may be committed to that are never made: they are looked for as after a crash.
            self._leased_until = None
            raise

    async def _step(self, campaign: Campaign) -> float:
        now = datetime.now(UTC)
        if not await self._hold_lease(now):
            return CAMPAIGN_PAUSE_S
        settings = settings_from_json(campaign.settings)
        over = campaign.status.terminal
        dialing = await self._settle(campaign, settings, now)
        if over:
            await self._take_back(campaign, dialing)
            if not dialing:
                await self.services.journal.close(campaign)
            return CALLS_PAUSE_S
        if not campaign.status.running:
            return CALLS_PAUSE_S
        if campaign.status is CampaignStatus.SCHEDULED:
            if settings.schedule.start_at is not None and now < settings.schedule.start_at:
                return CAMPAIGN_PAUSE_S
            moved = await self.services.journal.move(campaign, CampaignStatus.ACTIVE)
            if moved is None:
                return 0.0
            campaign = moved
        if await self._stop_if_broken(campaign):
            return CALLS_PAUSE_S
        return await self._dial(campaign, settings, dialing, now)

    # --- lease

    async def _hold_lease(self, now: datetime) -> bool:
        """Keep or take the lease. Whoever takes it first clears up behind the one before."""
        if self.services.giving_way():
            if self._leased_until is not None:
                self._leased_until = self._usage = None
                await self.services.store.campaigns.release(self.services.node)
            return False
        held = self._leased_until is not None and now < self._leased_until
        if held and self._leased_until is not None and now < self._leased_until - LEASE / 2:
            return True
        until = now + LEASE
        if not await self.services.store.campaigns.lease(self.campaign_id, self.services.node, now, until):
            self._leased_until = self._usage = None
            return False
        self._leased_until = until
        if not held:
            self._usage = None
            await self._clear_up(now)
        return True

    async def _clear_up(self, now: datetime) -> None:
        """Attempts of which nobody can have heard, left by a node that is gone, are free to be made anew."""
        left = [
            contact
            for contact in await self.services.store.campaign_contacts.dialing(self.campaign_id)
            if contact.rang_at is None and not self._is_live(contact)
        ]
        if left:
            await self._write(now, [withdraw(contact, now) for contact in left])
            log.warning("campaign_attempts_withdrawn", campaign_id=self.campaign_id, count=len(left))

    # --- what has ended

    async def _settle(
        self, campaign: Campaign, settings: CampaignSettings, now: datetime
    ) -> list[CampaignContact]:
        """Settle the calls that have ended; the contacts whose calls have not."""
        contacts = self.services.store.campaign_contacts
        dialing = await contacts.dialing(campaign.id)
        if not dialing:
            return []
        ended = {call.id: call for call in await self.services.store.attempts.finished(campaign.id)}
        if not ended:
            return dialing
        over = campaign.status.terminal
        settlements = [
            settle(contact, ended[contact.call_id], settings, now, campaign_over=over)
            for contact in dialing
            if contact.call_id in ended
        ]
        await self._write(now, settlements)
        return [contact for contact in dialing if contact.call_id not in ended]

    async def _write(self, now: datetime, settlements: Sequence[Settlement]) -> None:
        await self.services.store.attempts.settle(self.campaign_id, now, settlements)
        for settlement in settlements:
            if settlement.forget:
                self._usage = None  # what was counted for it is to be read again
            elif settlement.outcome is not None:
                self.services.metrics.observe_campaign_attempt(settlement.outcome)

    async def _take_back(self, campaign: Campaign, dialing: Sequence[CampaignContact]) -> None:
        """Cancel calls that nobody has answered: the campaign is over. All at once, since each may wait for
        its far side to confirm.
        """
        fresh = [contact for contact in dialing if contact.call_id not in self._cancelled]
        self._cancelled.update(contact.call_id for contact in fresh if contact.call_id is not None)
        await asyncio.gather(
            *(self._cancel(campaign, contact.call_id) for contact in fresh if self._is_live(contact))
        )

    async def _cancel(self, campaign: Campaign, call_id: str | None) -> None:
        if call_id is not None:
            with suppress(ConflictError, NotFoundError):  # answered, or over
                await self.services.calls.cancel(campaign.organization_id, call_id)

    async def _stop_if_broken(self, campaign: Campaign) -> bool:
        """The circuit breaker: pause a campaign of which most calls fail for a reason of ours."""
        config = self.services.config
        if not config.breaker_calls or campaign.resumed_at is None:
            return False
        last = await self.services.store.attempts.last_technical(
            campaign.id, campaign.resumed_at, config.breaker_calls
        )
        if not tripped(last, config.breaker_calls, config.breaker_share):
            return False
        await self.services.journal.move(campaign, CampaignStatus.PAUSED, BREAKER_REASON)
        self.services.metrics.campaign_breaks.inc()
        log.warning("campaign_stopped", campaign_id=campaign.id, reason=BREAKER_REASON)
        return True

    # --- calling

    async def _dial(
        self,
        campaign: Campaign,
        settings: CampaignSettings,
        dialing: Sequence[CampaignContact],
        now: datetime,
    ) -> float:
        pause = CALLS_PAUSE_S if dialing else CAMPAIGN_PAUSE_S
        if settings.schedule.over(now):
            if not dialing:
                await self.services.journal.move(campaign, CampaignStatus.COMPLETED, "the schedule is over")
            return pause
        usage = await self._read_usage(settings, now)
        allowed = allowance(
            settings,
            dialing=len(dialing),
            free_places=self.services.free_places(),
            usage=usage,
            now=now,
        )
        due: list[CampaignContact] = []
        if allowed.calls:
            due = await self.services.store.campaign_contacts.due(campaign.id, now, allowed.calls)
        if due:
            committed = await self._commit(campaign, settings, dialing, due, usage, now)
            await self._call(campaign, settings, committed)
            pause = CALLS_PAUSE_S
        elif not dialing and await self.services.store.campaign_contacts.next_due(campaign.id) is None:
            await self.services.journal.move(campaign, CampaignStatus.COMPLETED)
            return CALLS_PAUSE_S
        if allowed.again is not None:
            pause = min(pause, max(0.01, (allowed.again - datetime.now(UTC)).total_seconds()))
        return pause

    async def _read_usage(self, settings: CampaignSettings, now: datetime) -> Usage:
        day_begin = settings.schedule.day_begin(now)
        if self._usage is None or day_begin != self._day_begin:
            self._usage = await self.services.store.attempts.usage(self.campaign_id, now, day_begin)
            self._day_begin = day_begin
        return self._usage

    async def _commit(
        self,
        campaign: Campaign,
        settings: CampaignSettings,
        dialing: Sequence[CampaignContact],
        due: Sequence[CampaignContact],
        usage: Usage,
        now: datetime,
    ) -> list[CampaignContact]:
        """Write down which calls will be made, and from which numbers; those that may be are given back."""
        numbers = settings.from_numbers or self.services.numbers_of(campaign.agent_id)
        busy = Counter(contact.from_number for contact in dialing if contact.from_number is not None)
        if settings.calls_per_number is not None:
            busy.update(self.services.busy_numbers(campaign.id))
        chosen: dict[str, CampaignContact] = {}
        attempts: list[NewAttempt] = []
        for contact in due:
            number = choose_number(
                numbers,
                busy,
                settings.calls_per_number,
                settings.number_rotation,
                turn=usage.attempts + len(attempts),
                chance=random.random(),
            )
            if number is None and numbers:
                break  # all are busy
            attempt = NewAttempt(contact.id, uuid7(), number or "")
            busy[attempt.from_number] += 1
            attempts.append(attempt)
            chosen[contact.id] = replace(
                contact,
                call_id=attempt.call_id,
                from_number=number,
                attempts=contact.attempts + 1,
                rang_at=None,
            )
        done = await self.services.store.attempts.commit(campaign.id, self.services.node, now, attempts)
        recent = tuple(at for at in usage.recent if at > now - timedelta(minutes=1))
        count = len(done)
        self._usage = Usage(usage.attempts + count, usage.today + count, (*recent, *([now] * count)))
        return [chosen[attempt.contact_id] for attempt in done]

    async def _call(
        self, campaign: Campaign, settings: CampaignSettings, committed: Sequence[CampaignContact]
    ) -> None:
        results = await asyncio.gather(
            *(self._place(campaign, settings, contact) for contact in committed), return_exceptions=True
        )
        settlements: list[Settlement] = []
        now = datetime.now(UTC)
        for contact, result in zip(committed, results, strict=True):
            if result is None:
                continue
            settlements.append(_unplaced(contact, result, now))
            if not isinstance(result, GatewayError):
                log.error("campaign_call_not_placed", campaign_id=campaign.id, error=repr(result))
        if settlements:
            await self._write(now, settlements)

    async def _place(self, campaign: Campaign, settings: CampaignSettings, contact: CampaignContact) -> None:
        assert contact.call_id is not None
        call_id = contact.call_id

        async def may_ring() -> bool:
            now = datetime.now(UTC)
            return settings.schedule.is_open(now) and await self.services.store.attempts.let_ring(
                campaign.id, contact.id, call_id, self.services.node, now
            )

        await self.services.calls.create(
            campaign.organization_id,
            NewCall(
                agent_id=campaign.agent_id,
                phone_number=contact.phone_number,
                from_number=contact.from_number,
                variables=settings.variables | contact.variables,
                metadata={"campaign_id": campaign.id, "contact_id": contact.contact_id or contact.id},
                settings=settings.call_settings,
            ),
            call_id=call_id,
            may_ring=may_ring,
        )

    def _is_live(self, contact: CampaignContact) -> bool:
        return contact.call_id is not None and self.services.is_live(contact.call_id)


def _unplaced(contact: CampaignContact, error: BaseException, now: datetime) -> Settlement:
    """What becomes of a contact whose call could not be placed at all."""
    if isinstance(error, InvalidRequestError | NotFoundError):
        code = error.code if isinstance(error, InvalidRequestError) else "agent_not_found"
        return refuse(contact, code, technical=code not in _OF_THE_CONTACT)
    if isinstance(error, ForbiddenError):
        return refuse(contact, error.code, technical=False)
    if isinstance(error, LimitExceededError | UnavailableError):
        return withdraw(contact, now + timedelta(seconds=1))
    return withdraw(contact, now + timedelta(seconds=5))
