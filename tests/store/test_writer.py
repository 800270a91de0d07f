from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace

import pytest

from store import CallWriter, Store
from store.calls import CallNews, CallRepository
from store.errors import StoreUnavailableError, WriterClosedError, WriterFullError
from store.identifiers import uuid7
from store.records import CallRecord, CallStatus, Organization, TimelineEvent
from tests.store.samples import call, events, later

NEVER = 3600.0  # an interval that no test waits for: only `flush` and full batches write


class FailingCalls(CallRepository):
    """The real repository behind a database that is away for the first `failures` attempts, and counts."""

    def __init__(self, store: Store, failures: int = 0) -> None:
        super().__init__(store.database)
        self.failures = failures
        self.batches: list[int] = []

    async def save_batch(
        self,
        records: Sequence[CallRecord],
        events: Sequence[TimelineEvent],
        news: Sequence[CallNews] = (),
    ) -> None:
        if self.failures:
            self.failures -= 1
            raise StoreUnavailableError("database is locked")
        await super().save_batch(records, events, news)
        self.batches.append(len(records))


@pytest.fixture
async def writers() -> AsyncIterator[list[CallWriter]]:
    started: list[CallWriter] = []
    yield started
    for writer in started:
        await writer.close(0.1)


def started(writers: list[CallWriter], calls: CallRepository, **options: float | int) -> CallWriter:
    writer = CallWriter(calls, **{"interval": NEVER, "first_pause": 0.0} | options)  # type: ignore[arg-type]
    writer.start()
    writers.append(writer)
    return writer


async def test_what_was_put_is_committed_when_flush_returns(
    store: Store, organization: Organization, writers: list[CallWriter]
) -> None:
    writer = started(writers, store.calls)
    record = call(organization.id)
    assert writer.put(record, events(record.id, 2))
    assert await store.calls.get(organization.id, record.id) is None
    await writer.flush()
    assert await store.calls.get(organization.id, record.id) == record
    assert await store.calls.timeline(record.id) == events(record.id, 2)


async def test_several_states_of_a_call_become_one_row_with_all_events(
    store: Store, organization: Organization, writers: list[CallWriter]
) -> None:
    calls = FailingCalls(store)
    writer = started(writers, calls)
    record = call(organization.id)
    for i, status in enumerate((CallStatus.QUEUED, CallStatus.RINGING, CallStatus.ENDED)):
        record = replace(record, status=status)
        writer.put(record, events(record.id, 2, first=2 * i))
    await writer.flush()
    assert calls.batches == [1]
    assert (writer.written_records, writer.written_events, writer.batches) == (1, 6, 1)
    assert await calls.get(organization.id, record.id) == record
    assert await calls.timeline(record.id) == events(record.id, 6)


async def test_without_a_flush_the_interval_writes(
    store: Store, organization: Organization, writers: list[CallWriter]
) -> None:
    writer = started(writers, store.calls, interval=0.0)
    record = call(organization.id)
    writer.put(record)
    async with asyncio.timeout(5):
        while writer.waiting:
            await asyncio.sleep(0)
    assert await store.calls.get(organization.id, record.id) == record


async def test_a_full_batch_does_not_wait_for_the_interval(
    store: Store, organization: Organization, writers: list[CallWriter]
) -> None:
    calls = FailingCalls(store)
    writer = started(writers, calls, batch_calls=10)
    for _ in range(25):
        writer.put(call(organization.id))
    async with asyncio.timeout(5):
        while writer.waiting >= 10:
            await asyncio.sleep(0)
    assert calls.batches == [10, 10]
    await writer.flush()
    assert calls.batches == [10, 10, 5]


async def test_inserts_at_once_share_a_transaction(
    store: Store, organization: Organization, writers: list[CallWriter]
) -> None:
    calls = FailingCalls(store)
    writer = started(writers, calls)
    await asyncio.gather(*(writer.insert(call(organization.id)) for _ in range(20)))
    assert calls.batches == [20]
    assert (await calls.list(organization.id)).total == 20


async def test_a_database_that_is_away_loses_nothing(
    store: Store, organization: Organization, writers: list[CallWriter]
) -> None:
    calls = FailingCalls(store, failures=3)
    writer = started(writers, calls)
    first, second = call(organization.id), call(organization.id)
    writer.put(first, events(first.id, 1))
    flushed = asyncio.create_task(writer.flush())
    while calls.failures > 1:
        await asyncio.sleep(0)
    assert not writer.healthy
    ended = replace(first, status=CallStatus.ENDED, ended_at=later(1))
    writer.put(ended, events(first.id, 1, first=1))  # while the first state is being tried again
    writer.put(second)
    await flushed
    await writer.flush()
    assert writer.failures == 3
    assert writer.healthy
    assert await calls.get(organization.id, first.id) == ended
    assert await calls.get(organization.id, second.id) == second
    assert await calls.timeline(first.id) == events(first.id, 2)


async def test_one_bad_call_does_not_take_the_others_with_it(
    store: Store, organization: Organization, writers: list[CallWriter]
) -> None:
    writer = started(writers, store.calls)
    good, stranger, unwritable = call(organization.id), call(uuid7()), call(organization.id)
    broken = replace(call(organization.id), recording_status="ready")  # a fault of ours, not of the data
    writer.put(good, events(good.id, 1))
    writer.put(stranger)
    writer.put(replace(unwritable, variables={"x": object()}))
    writer.put(broken)
    await writer.flush()
    assert await store.calls.get(organization.id, good.id) == good
    assert await store.calls.get(organization.id, unwritable.id) is None
    assert (writer.rejected_records, writer.written_records) == (3, 1)


async def test_when_full_only_terminal_states_and_waiting_calls_are_taken(
    store: Store, organization: Organization, writers: list[CallWriter]
) -> None:
    writer = started(writers, store.calls, limit_calls=2)
    waiting = [call(organization.id), call(organization.id)]
    for record in waiting:
        assert writer.put(record)
    refused, ended = call(organization.id), call(organization.id, status=CallStatus.FAILED)
    assert not writer.put(refused, events(refused.id, 3))
    with pytest.raises(WriterFullError):
        await writer.insert(refused)
    ringing = replace(waiting[0], status=CallStatus.RINGING)
    assert writer.put(ringing)
    assert writer.put(ended)
    assert (writer.dropped_records, writer.dropped_events) == (2, 3)
    await writer.flush()
    assert await store.calls.get(organization.id, ringing.id) == ringing
    assert await store.calls.get(organization.id, ended.id) == ended
    assert await store.calls.get(organization.id, refused.id) is None


async def test_too_many_events_are_refused_and_the_state_is_kept(
    store: Store, organization: Organization, writers: list[CallWriter]
) -> None:
    writer = started(writers, store.calls, limit_events=5)
    record = call(organization.id)
    writer.put(record, events(record.id, 4))
    ended = replace(record, status=CallStatus.ENDED)
    assert writer.put(ended, events(record.id, 4, first=4))
    await writer.flush()
    assert writer.dropped_events == 4
    assert await store.calls.get(organization.id, record.id) == ended
    assert await store.calls.timeline(record.id) == events(record.id, 4)
    writer.put(ended, events(record.id, 5, first=4))
    await writer.flush()
    assert len(await store.calls.timeline(record.id)) == 9


async def test_a_terminal_state_that_waits_is_not_replaced(
    store: Store, organization: Organization, writers: list[CallWriter]
) -> None:
    writer = started(writers, store.calls)
    ended = call(organization.id, status=CallStatus.ENDED)
    writer.put(ended)
    writer.put(replace(ended, status=CallStatus.IN_PROGRESS))
    await writer.flush()
    assert await store.calls.get(organization.id, ended.id) == ended


async def test_close_writes_what_waits_and_takes_no_more(store: Store, organization: Organization) -> None:
    writer = CallWriter(store.calls, interval=NEVER)
    writer.start()
    record = call(organization.id)
    writer.put(record)
    await writer.close()
    assert await store.calls.get(organization.id, record.id) == record
    with pytest.raises(WriterClosedError):
        writer.put(record)


async def test_close_gives_up_on_a_database_that_stays_away(store: Store, organization: Organization) -> None:
    writer = CallWriter(FailingCalls(store, failures=1_000_000), interval=NEVER)
    writer.start()
    writer.put(call(organization.id))
    await writer.close(0.01)
    assert writer.waiting == 1


async def test_a_flush_of_nothing_returns_at_once(store: Store, writers: list[CallWriter]) -> None:
    writer = started(writers, store.calls)
    await writer.flush()
    assert writer.batches == 0


async def test_whoever_asks_for_a_call_is_refused_while_the_database_is_away(
    store: Store, organization: Organization, writers: list[CallWriter]
) -> None:
    calls = FailingCalls(store, failures=1_000_000)
    writer = started(writers, calls, interval=0.0)
    record = call(organization.id)
    writer.put(record)
    while writer.healthy:
        await asyncio.sleep(0)
    with pytest.raises(StoreUnavailableError):
        await writer.catch_up()
    calls.failures = 0
    await writer.flush()
    await writer.catch_up()
    assert await store.calls.get(organization.id, record.id) == record
