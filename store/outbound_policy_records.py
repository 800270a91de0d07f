"""What an organisation's outbound calls are held to."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class OutboundPolicy:
    """Empty countries and prefixes: anywhere. `None`: the gateway's own limit. `cents_per_day` counts days of
    UTC.
    """

    organization_id: str
    allowed_countries: tuple[str, ...] = ()
    allowed_prefixes: tuple[str, ...] = ()
    allow_premium: bool = False
    calls_per_minute: int | None = None
    cents_per_day: int | None = None
    updated_at: datetime | None = None  # None: never set
