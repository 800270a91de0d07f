"""Browser calls that nobody ever joins: what was asked for, and the limits that are held."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from gateway.cluster.leases import Leases
from gateway.cluster.limits import Limit
from gateway.errors import GatewayError, LimitExceededError
from store.identifiers import uuid7
from store.records import CallDirection, CallRecord, CallStatus


@dataclass(frozen=True)
class Asked:
    """One call that was made."""

    record: CallRecord
    token: str
    expires_at: datetime
    origin: str | None
    untrusted_variables: frozenset[str] = frozenset()


@dataclass
class InMemoryBrowserCalls:
    """Stands for `gateway.made_calls`."""

    made: list[Asked] = field(default_factory=list)
    fails_with: GatewayError | None = None
    leases: Leases = field(default_factory=Leases)

    async def create(
        self,
        organization_id: str,
        agent_id: str,
        *,
        variables: Mapping[str, Any] | None = None,
        metadata: Mapping[str, Any] | None = None,
        test: bool = False,
        origin: str | None = None,
        limits: Sequence[Limit] = (),
        join_within_s: float | None = None,
        untrusted_variables: frozenset[str] = frozenset(),
    ) -> Asked:
        if self.fails_with is not None:
            raise self.fails_with
        record = CallRecord(
            id=uuid7(),
            organization_id=organization_id,
            status=CallStatus.QUEUED,
            direction=CallDirection.WEBRTC,
            agent_id=agent_id,
            created_at=datetime.now(UTC),
            variables=dict(variables or {}),
            metadata={**(metadata or {}), "test": True} if test else dict(metadata or {}),
        )
        if await self.leases.acquire(record.id, limits) is not None:
            raise LimitExceededError("Too many calls at once.", retry_after=5)
        expires_at = record.created_at + timedelta(seconds=join_within_s or 120)
        self.made.append(Asked(record, f"{record.id}.secret", expires_at, origin, untrusted_variables))
        return self.made[-1]

    def end(self, asked: Asked) -> None:
        """The call is over: its places are free."""
        self.leases.release(asked.record.id)
