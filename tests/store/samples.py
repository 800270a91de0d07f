"""Records for tests, each with a fresh identifier."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from store.identifiers import uuid7
from store.records import (
    Agent,
    CallDirection,
    CallRecord,
    CallStatus,
    PhoneNumber,
    TimelineEvent,
    Trunk,
)
from store.webhook_records import OutboxEvent, WebhookEndpoint

T0 = datetime(2026, 5, 6, 7, 8, 9, 123_456, UTC)


def later(seconds: float) -> datetime:
    return T0 + timedelta(seconds=seconds)


def agent(organization_id: str, **changes: Any) -> Agent:
    made = Agent(
        id=uuid7(),
        organization_id=organization_id,
        name="Receptionist",
        voice_id="voice",
        system_prompt="Be kind.",
        created_at=T0,
        updated_at=T0,
    )
    return replace(made, **changes)


def number(organization_id: str, phone_number: str, **changes: Any) -> PhoneNumber:
    made = PhoneNumber(
        id=uuid7(), organization_id=organization_id, phone_number=phone_number, created_at=T0, updated_at=T0
    )
    return replace(made, **changes)


def trunk(organization_id: str, **changes: Any) -> Trunk:
    made = Trunk(id=uuid7(), organization_id=organization_id, name="carrier", created_at=T0, updated_at=T0)
    return replace(made, **changes)


def endpoint(organization_id: str, **changes: Any) -> WebhookEndpoint:
    made = WebhookEndpoint(
        id=uuid7(),
        organization_id=organization_id,
        url="https://receiver.example/hook",
        secret="whsec_first",
        created_at=T0,
        updated_at=T0,
    )
    return replace(made, **changes)


def outbox_event(organization_id: str, name: str = "call.ended", **changes: Any) -> OutboxEvent:
    event_id = uuid7()
    made = OutboxEvent(
        id=event_id,
        organization_id=organization_id,
        name=name,
        subject_id=uuid7(),
        created_at=T0,
        payload=lambda: f'{{"id":"{event_id}","event":"{name}"}}',
    )
    return replace(made, **changes)


def call(organization_id: str, **changes: Any) -> CallRecord:
    made = CallRecord(
        id=uuid7(),
        organization_id=organization_id,
        status=CallStatus.QUEUED,
        direction=CallDirection.INBOUND,
        agent_id="0198c0de-0000-7000-8000-000000000001",
        created_at=T0,
    )
    return replace(made, **changes)


def events(call_id: str, count: int, first: int = 0) -> list[TimelineEvent]:
    return [TimelineEvent(call_id, i, i * 20, "step", {"n": i}) for i in range(first, first + count)]
