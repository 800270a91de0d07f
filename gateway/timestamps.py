"""Times as the API and the webhooks write them."""

from __future__ import annotations

from datetime import UTC, datetime


def timestamp(value: datetime) -> str:
    """ISO 8601 in UTC with `Z`, to the second, as the product's documents write it. `value` is aware."""
    return value.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="seconds") + "Z"


def optional_timestamp(value: datetime | None) -> str | None:
    """`timestamp`, or None for a time that has not come."""
    return None if value is None else timestamp(value)
