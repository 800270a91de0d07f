"""What an organisation's outbound calls are held to before they are made: where, how often, at what cost.

The database is asked for each call, so that a change counts at once on every node. Where there is a limit,
this node makes an organisation's calls one after the other; several nodes may exceed it by a call each.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from weakref import WeakValueDictionary

from gateway.configuration.defence import DefenceSection
from gateway.errors import ForbiddenError, InvalidRequestError, LimitExceededError
from routing.destinations import DestinationRules, refused_destination
from routing.numbers import is_country
from store.outbound_policies import OutboundPolicyRepository
from store.outbound_policy_records import OutboundPolicy
from store.records import CallRecord

_MINUTE = timedelta(minutes=1)
_DAY = timedelta(days=1)
CALLS_RETRY_S = 10


class OutboundPolicies:
    """Asked by whoever makes a call."""

    def __init__(
        self,
        repository: OutboundPolicyRepository,
        config: DefenceSection,
        price: Callable[[CallRecord], int | None] = lambda record: None,
    ) -> None:
        """`price` tells what a call costs, in US cents."""
        self._price = price
        self._repository = repository
        self._config = config
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    async def get(self, organization_id: str) -> OutboundPolicy:
        return await self._repository.of(organization_id)

    async def put(self, policy: OutboundPolicy) -> OutboundPolicy:
        """Put it in place of what there was. Raises `InvalidRequestError` that names the field."""
        for index, country in enumerate(policy.allowed_countries):
            if not is_country(country):
                raise InvalidRequestError(
                    f"{country!r} is not an ISO 3166 country code.", field=f"allowed_countries.{index}"
                )
        await self._repository.put(policy)
        return policy

    @asynccontextmanager
    async def admit(self, organization_id: str, phone_number: str) -> AsyncIterator[None]:
        """Held while a call is made, until it is in the database. Raises `ForbiddenError` (`premium_number`,
        `destination_not_allowed`), `LimitExceededError` (`calls_per_minute_reached`, `spend_limit_reached`).
        """
        policy = await self._repository.of(organization_id)
        _check_destination(policy, phone_number, "phone_number")
        if self._limits(policy) == (None, None):
            yield
            return
        # One after the other: each has to see what the one before has put into the database.
        lock = self._locks.setdefault(organization_id, asyncio.Lock())
        async with lock:
            await self._check_limits(policy)
            yield

    async def may_transfer(self, organization_id: str, numbers: Sequence[str]) -> None:
        """A transfer calls somebody too. Raises `ForbiddenError` as `admit` does."""
        if not numbers:
            return
        policy = await self._repository.of(organization_id)
        for number in numbers:
            _check_destination(policy, number, "target")

    async def may_call(self, organization_id: str, numbers: Sequence[str]) -> None:
        """The same for a leg of ours in a transfer, which costs too. Raises what `admit` raises."""
        policy = await self._repository.of(organization_id)
        for number in numbers:
            _check_destination(policy, number, "target")
        await self._check_limits(policy)

    def _limits(self, policy: OutboundPolicy) -> tuple[int | None, int | None]:
        """Calls a minute and cents a day."""
        return (
            _limit(policy.calls_per_minute, self._config.calls_per_minute),
            _limit(policy.cents_per_day, self._config.cents_per_day),
        )

    async def _check_limits(self, policy: OutboundPolicy) -> None:
        now = datetime.now(UTC)
        organization_id = policy.organization_id
        per_minute, cents = self._limits(policy)
        if per_minute is not None:
            made = await self._repository.calls_since(organization_id, now - _MINUTE)
            if made >= per_minute:
                raise LimitExceededError(
                    f"The organisation may make {per_minute} calls a minute, and has.",
                    code="calls_per_minute_reached",
                    retry_after=CALLS_RETRY_S,
                    limit=per_minute,
                )
        if cents is not None:
            midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
            # The running ones first: one that ends between the two questions counts twice, not never.
            running = await self._repository.in_progress(organization_id, midnight)
            spent = await self._repository.cents_since(organization_id, midnight)
            spent += sum(self._so_far(call, now) for call in running)
            if spent >= cents:
                raise LimitExceededError(
                    f"The organisation may spend {cents} cents a day on calls, and has spent {spent}.",
                    code="spend_limit_reached",
                    retry_after=max(1, round((midnight + _DAY - now).total_seconds())),
                    limit=cents,
                )

    def _so_far(self, call: CallRecord, now: datetime) -> int:
        """What a call would cost if it ended now."""
        if call.started_at is None:
            return 0
        elapsed_ms = max(0, round((now - call.started_at).total_seconds() * 1000))
        return self._price(replace(call, duration_ms=elapsed_ms)) or 0


def _check_destination(policy: OutboundPolicy, phone_number: str, field: str) -> None:
    rules = DestinationRules(policy.allowed_countries, policy.allowed_prefixes, policy.allow_premium)
    refusal = refused_destination(rules, phone_number)
    if refusal is not None:
        details: dict[str, Any] = {"field": field, "fix": refusal.fix}
        raise ForbiddenError(refusal.message, code=refusal.code, **details)


def _limit(own: int | None, default: int) -> int | None:
    """The organisation's own, or else the gateway's, of which 0 is none."""
    return own if own is not None else default or None
