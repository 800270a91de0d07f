"""Totals are exact whatever is remembered of them."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from store import Store
from store.call_counts import KEPT, CallCounts
from store.calls import call_conditions
from store.identifiers import uuid7
from store.records import CallDirection, CallFilter, CallRecord, CallStatus, Organization


def call(organization: Organization, created_at: datetime, status: CallStatus) -> CallRecord:
    return CallRecord(
        id=uuid7(),
        organization_id=organization.id,
        status=status,
        direction=CallDirection.OUTBOUND,
        agent_id=uuid7(),
        created_at=created_at,
    )


async def test_totals_stay_exact_while_calls_come_and_end(store: Store, organization: Organization) -> None:
    chance = random.Random(7)
    now = datetime.now(UTC)
    counts = CallCounts()
    records: list[CallRecord] = []
    for _ in range(60):
        now += timedelta(minutes=2)
        made = [
            call(organization, now, chance.choice((CallStatus.QUEUED, CallStatus.ENDED, CallStatus.FAILED)))
            for _ in range(chance.randrange(4))
        ]
        ended = [
            replace(record, status=CallStatus.ENDED)
            for record in records
            if not record.status.terminal and chance.random() < 0.2
        ]
        await store.calls.save_batch([*made, *ended], [])
        changed = {record.id: record for record in ended}
        records = [changed.get(record.id, record) for record in records] + made
        for status in (None, CallStatus.QUEUED, CallStatus.ENDED):
            wanted = CallFilter(status=status)
            conditions = call_conditions(organization.id, wanted)
            async with store.database.reading() as connection:
                total = await counts.count(connection, organization.id, wanted, conditions, now)
            assert total == sum(status in (None, record.status) for record in records)


async def test_what_is_settled_is_not_counted_again(store: Store, organization: Organization) -> None:
    old = datetime.now(UTC) - timedelta(days=1)
    await store.calls.save_batch([call(organization, old, CallStatus.ENDED) for _ in range(10)], [])
    assert (await store.calls.list(organization.id)).total == 10
    # Removed behind the counts' back: nobody looks there any more.
    async with store.database.transaction() as connection:
        await connection.exec_driver_sql("DELETE FROM calls")
    assert (await store.calls.list(organization.id)).total == 10


async def test_the_memory_is_bounded(store: Store, organization: Organization) -> None:
    counts = CallCounts()
    async with store.database.reading() as connection:
        for number in range(KEPT + 10):
            wanted = CallFilter(phone_number=f"+1{number}")
            assert await counts.count(connection, organization.id, wanted, []) == 0
    assert len(counts._settled) == KEPT


async def test_pages_hold_every_call_once_newest_first(store: Store, organization: Organization) -> None:
    moment = datetime.now(UTC)
    made = [call(organization, moment - timedelta(seconds=n // 3), CallStatus.ENDED) for n in range(25)]
    await store.calls.save_batch(made, [])
    pages = [page async for page in store.calls.pages(organization.id, CallFilter(), 10)]
    assert [len(page) for page in pages] == [10, 10, 5]
    expected = sorted(made, key=lambda record: (record.created_at, record.id), reverse=True)
    assert [record.id for page in pages for record in page] == [record.id for record in expected]
