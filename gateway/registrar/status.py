"""Who has registered, for people."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from time import monotonic

from gateway.wire_text import keepable
from sip.addresses import authority
from sip.binding import Binding


@dataclass(frozen=True, slots=True)
class RegisteredStatus:
    """One Contact; `address` is where it came from."""

    contact: str
    transport: str
    address: str
    user_agent: str | None
    q: float | None
    registered_at: datetime
    last_seen_at: datetime
    expires_at: datetime


def registered_status(binding: Binding) -> RegisteredStatus:
    now, moment = monotonic(), datetime.now(UTC)

    def at(seconds: float) -> datetime:
        return moment + timedelta(seconds=seconds - now)

    return RegisteredStatus(
        contact=keepable(binding.contact),
        transport=binding.transport,
        address=authority(*binding.source),
        user_agent=None if binding.user_agent is None else keepable(binding.user_agent),
        q=binding.q,
        registered_at=at(binding.registered_at),
        last_seen_at=at(binding.seen_at),
        expires_at=at(binding.expires_at),
    )
