from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
import sqlalchemy as sa

from gateway.call import Call
from gateway.call_object import render_call
from gateway.failure_reasons import EndReason, FailureReason
from gateway.webhooks.call_journal import CallJournal
from store import Store
from store.identifiers import uuid7
from store.records import CallDirection, CallRecord, CallStatus, Organization
from store.tables import webhook_deliveries, webhook_events
from store.writer import CallWriter
from tests.store.samples import T0, endpoint


class Scene:
    def __init__(self, store: Store, organization: Organization) -> None:
        self.store = store
        self.organization = organization
        self.told = 0
        self.writer = CallWriter(store.calls, interval=3600, on_news=self._count)
        self.journal = CallJournal(self.writer, lambda record: f"https://files/{record.id}")

    def _count(self) -> None:
        self.told += 1

    def call(self) -> Call:
        record = CallRecord(
            id=uuid7(),
            organization_id=self.organization.id,
            status=CallStatus.QUEUED,
            direction=CallDirection.OUTBOUND,
            agent_id=uuid7(),
            created_at=datetime.now(UTC),
            variables={"first_name": "Zoë"},
        )
        return Call(record, self.journal.save)

    async def payloads(self) -> list[dict[str, Any]]:
        await self.writer.flush()
        query = (
            sa.select(webhook_events.c.payload)
            .join(webhook_deliveries, webhook_deliveries.c.event_id == webhook_events.c.id)
            .order_by(webhook_deliveries.c.sequence)
        )
        async with self.store.database.reading() as connection:
            return [json.loads(text) for text in (await connection.execute(query)).scalars()]


@pytest.fixture
async def scene(store: Store) -> AsyncIterator[Scene]:
    organization = Organization(uuid7(), "Acme", T0)
    await store.organizations.create(organization)
    await store.webhook_endpoints.create(endpoint(organization.id))
    made = Scene(store, organization)
    made.writer.start()
    yield made
    await made.writer.close(1)


async def test_every_state_of_a_call_is_told_with_the_call_as_it_was_then(scene: Scene) -> None:
    call = scene.call()
    records = []
    for change in (call.ring, call.answer, lambda: call.end(EndReason.AGENT_HANGUP)):
        change()
        records.append(call.record)
    told = await scene.payloads()
    names = [event["event"] for event in told]
    assert names == ["call.ringing", "call.started", "call.ended", "call.analyzed"]
    assert len({event["id"] for event in told}) == 4
    for event, record in zip(told, [*records, records[-1]], strict=True):
        assert event.keys() == {"id", "event", "timestamp", "data"}
        assert event["data"] == render_call(record, f"https://files/{record.id}")
    assert scene.told == 1  # one transaction for all of it


async def test_what_the_store_refuses_is_not_told(scene: Scene) -> None:
    """The call was given up by somebody else, who told of it; its own end comes too late."""
    call = scene.call()
    call.answer()
    await scene.writer.flush()
    gone = replace(call.record, status=CallStatus.FAILED, failure_reason="gateway-error")
    await scene.store.calls.save_batch([gone], [], scene.journal.end_news(gone))
    call.end(EndReason.CONTACT_HANGUP)
    assert [event["event"] for event in await scene.payloads()] == ["call.started", "call.failed"]


async def test_two_who_give_up_one_call_tell_of_it_once(scene: Scene) -> None:
    call = scene.call()
    call.answer()
    await scene.writer.flush()
    gone = replace(call.record, status=CallStatus.FAILED, failure_reason="gateway-error")
    for _ in range(2):
        await scene.store.calls.save_batch([gone], [], scene.journal.end_news(gone))
    call.fail(FailureReason.AGENT_ERROR)
    assert [event["event"] for event in await scene.payloads()] == ["call.started", "call.failed"]


async def test_a_recording_is_told_of_after_the_end(scene: Scene) -> None:
    call = scene.call()
    call.answer()
    call.end(EndReason.CONTACT_HANGUP)
    call.publish("call.recording.ready")
    call.save()
    told = await scene.payloads()
    names = [event["event"] for event in told]
    assert names == ["call.started", "call.ended", "call.analyzed", "call.recording.ready"]
    assert told[-1]["data"]["status"] == "ended"
