"""By which calls are listed and exported: the query parameters that both have."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

from fastapi import Depends, Query
from pydantic import BeforeValidator

from control_api.schemas_calls import CallStatusFilter
from control_api.schemas_shared import PhoneNumberQuery, UuidIn
from store.records import CallDirection, CallFilter


def _hyphens(value: object) -> object:
    """Labels are written with hyphens; older documents write them with underscores."""
    return value.replace("_", "-") if isinstance(value, str) else value


Label = Annotated[str, BeforeValidator(_hyphens), Query(min_length=1, max_length=64)]


def _call_filter(
    agent_id: Annotated[UuidIn | None, Query()] = None,
    status: Annotated[CallStatusFilter | None, Query()] = None,
    direction: Annotated[CallDirection | None, Query()] = None,
    phone_number: Annotated[PhoneNumberQuery | None, Query(description="The far party.")] = None,
    from_number: Annotated[PhoneNumberQuery | None, Query(description="Our number.")] = None,
    outcome: Annotated[Label | None, Query()] = None,
    created_after: Annotated[datetime | None, Query(description="Inclusive.")] = None,
    created_before: Annotated[datetime | None, Query(description="Exclusive.")] = None,
) -> CallFilter:
    return CallFilter(
        agent_id=agent_id,
        status=status,
        direction=direction,
        phone_number=phone_number,
        from_number=from_number,
        outcome=outcome,
        created_after=_aware(created_after),
        created_before=_aware(created_before),
    )


CallQuery = Annotated[CallFilter, Depends(_call_filter)]


def _aware(value: datetime | None) -> datetime | None:
    """A time without a zone is UTC."""
    return value.replace(tzinfo=UTC) if value is not None and value.tzinfo is None else value
