"""The body of a webhook request: `{id, event, timestamp, data}`.

It is written once, when the event is put into the outbox; what is stored is what is signed and sent.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec

from gateway.timestamps import timestamp
from store.identifiers import uuid7
from store.webhook_records import OutboxEvent

_encode = msgspec.json.Encoder().encode


def new_event(
    organization_id: str,
    name: str,
    subject_id: str,
    data: Callable[[], Mapping[str, Any]],
    *,
    at: datetime | None = None,
    once_key: str | None = None,
    only_agent_id: str | None = None,
) -> OutboxEvent:
    """An event for `Outbox.append`. `data` is the public object; it is asked for once and only when somebody
    is subscribed, so it must show what was true at `at`.
    """
    event_id, created_at = uuid7(), at or datetime.now(UTC)

    def payload() -> str:
        return _encode(
            {"id": event_id, "event": str(name), "timestamp": timestamp(created_at), "data": data()}
        ).decode()

    return OutboxEvent(
        id=event_id,
        organization_id=organization_id,
        name=str(name),
        subject_id=subject_id,
        created_at=created_at,
        payload=payload,
        once_key=once_key,
        only_agent_id=only_agent_id,
    )
