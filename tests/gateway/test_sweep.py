"""What a killed gateway leaves behind is settled at the next start."""

from datetime import UTC, datetime
from pathlib import Path

import sqlalchemy as sa

from gateway.sweep import fail_orphans
from gateway.webhooks.call_journal import CallJournal
from store.database import Store
from store.identifiers import uuid7
from store.records import CallDirection, CallFilter, CallRecord, CallStatus, Organization
from store.tables import webhook_events
from store.writer import CallWriter
from tests.store.samples import endpoint


async def event_names(store: Store) -> list[str]:
    async with store.database.reading() as connection:
        return list((await connection.execute(sa.select(webhook_events.c.name))).scalars())


async def test_unfinished_calls_fail_and_finished_ones_stay(tmp_path: Path) -> None:
    store = await Store.open(f"sqlite:///{tmp_path / 't.db'}")
    try:
        organization = Organization(uuid7(), "Test", datetime.now(UTC))
        await store.organizations.create(organization)
        for status in CallStatus:
            await store.calls.insert(
                CallRecord(
                    id=uuid7(),
                    organization_id=organization.id,
                    status=status,
                    direction=CallDirection.INBOUND,
                    agent_id=uuid7(),
                    created_at=datetime.now(UTC),
                )
            )
        await store.webhook_endpoints.create(endpoint(organization.id))
        orphans = await store.calls.unfinished()
        assert len(orphans) == 3
        await fail_orphans(store, orphans, CallJournal(CallWriter(store.calls)))
        assert await store.calls.unfinished() == []
        assert await event_names(store) == ["call.failed"] * 3
        calls = (await store.calls.list(organization.id, CallFilter(), 100, 0)).items
        failed = [call for call in calls if call.failure_reason == "gateway-error"]
        assert len(failed) == 3
        assert all(call.status is CallStatus.FAILED and call.ended_at is not None for call in failed)
        assert {call.status for call in calls if call not in failed} == {
            CallStatus.ENDED,
            CallStatus.FAILED,
            CallStatus.CANCELLED,
        }
    finally:
        await store.close()
