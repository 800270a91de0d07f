from __future__ import annotations

from dataclasses import replace

import pytest
import sqlalchemy as sa

from store import Store
from store.calls import call_conditions
from store.errors import ConstraintError
from store.identifiers import uuid7
from store.records import (
    CallDirection,
    CallFilter,
    CallRecord,
    CallStatus,
    Organization,
    RecordingFile,
    RecordingStatus,
    TimelineEvent,
    TranscriptEntry,
)
from store.tables import calls
from tests.store.query_plan import query_plan
from tests.store.samples import call, events, later


def full_call(organization_id: str) -> CallRecord:
    return call(
        organization_id,
        status=CallStatus.ENDED,
        direction=CallDirection.OUTBOUND,
        phone_number="+14155550123",
        from_number="+15550100",
        trunk_id=uuid7(),
        started_at=later(1),
        ended_at=later(62.5),
        duration_ms=61_500,
        transcript=(TranscriptEntry("agent", "Hallo ☎", 1.2), TranscriptEntry("contact", "Hi", 3.75)),
        recording_path="a/b.wav",
        cost_cents=92,
        outcome="interested",
        variables={"first_name": "Zoë", "n": 3},
        metadata={"campaign_id": "c"},
        call_settings={"recording_enabled": None, "greeting": {"text": "x"}},
        failure_reason="busy",
        end_reason="contact-hangup",
        cancelled_from="queued",
        sip_call_id="abc@198.51.100.1",
        sip_status=200,
        sip_reason="OK",
        sip_from="<sip:x@y>",
        engine_call_id="e",
        statistics={"packets_received": 3, "jitter_ms": 1.5},
        recording_status=RecordingStatus.READY,
        recording_file=RecordingFile("disk:a.mp3", "mp3", 2, 8000, 61_480, 246_000, "ab" * 32),
    )


async def test_a_call_comes_back_as_it_was_put_in(store: Store, organization: Organization) -> None:
    record = full_call(organization.id)
    plain = call(organization.id)
    await store.calls.insert(record)
    await store.calls.save_batch([plain], [])
    assert await store.calls.get(organization.id, record.id) == record
    assert await store.calls.get(organization.id, plain.id) == plain


async def test_another_organisation_does_not_see_a_call(store: Store, organization: Organization) -> None:
    record = call(organization.id)
    await store.calls.insert(record)
    assert await store.calls.get(uuid7(), record.id) is None
    assert (await store.calls.list(uuid7())).total == 0


async def test_a_call_is_inserted_once(store: Store, organization: Organization) -> None:
    record = call(organization.id)
    await store.calls.insert(record)
    with pytest.raises(ConstraintError):
        await store.calls.insert(record)


async def test_a_batch_inserts_updates_and_keeps_the_last_record_of_a_call(
    store: Store, organization: Organization
) -> None:
    old, new = call(organization.id), call(organization.id)
    await store.calls.insert(old)
    ringing = replace(old, status=CallStatus.RINGING, sip_call_id="s")
    answered = replace(ringing, status=CallStatus.IN_PROGRESS, started_at=later(5))
    await store.calls.save_batch([ringing, new, answered], events(old.id, 3) + events(new.id, 1))
    assert await store.calls.get(organization.id, old.id) == answered
    assert await store.calls.get(organization.id, new.id) == new
    assert await store.calls.timeline(old.id) == events(old.id, 3)


@pytest.mark.parametrize("terminal", [CallStatus.ENDED, CallStatus.FAILED, CallStatus.CANCELLED])
async def test_a_terminal_status_is_never_overwritten(
    store: Store, organization: Organization, terminal: CallStatus
) -> None:
    record = call(organization.id, status=terminal, ended_at=later(1))
    await store.calls.insert(record)
    for status in CallStatus:
        if status is not terminal:
            await store.calls.save_batch([replace(record, status=status, outcome="late")], [])
    assert await store.calls.get(organization.id, record.id) == record


async def test_facts_that_come_after_the_end_are_kept(store: Store, organization: Organization) -> None:
    record = call(organization.id, status=CallStatus.ENDED)
    await store.calls.insert(record)
    analysed = replace(record, outcome="interested", recording_path="x.wav")
    await store.calls.save_batch([analysed], [])
    assert await store.calls.get(organization.id, record.id) == analysed


async def test_saving_the_same_events_again_is_harmless(store: Store, organization: Organization) -> None:
    record = call(organization.id)
    await store.calls.save_batch([record], events(record.id, 70))
    await store.calls.save_batch([record], events(record.id, 71))
    assert await store.calls.timeline(record.id) == events(record.id, 71)


async def test_an_event_of_an_unknown_call_fails_the_whole_batch(
    store: Store, organization: Organization
) -> None:
    record = call(organization.id)
    with pytest.raises(ConstraintError):
        await store.calls.save_batch([record], [TimelineEvent(uuid7(), 0, 0, "x")])
    assert await store.calls.get(organization.id, record.id) is None


async def test_unfinished_calls_are_those_without_a_terminal_status(
    store: Store, organization: Organization
) -> None:
    made = [call(organization.id, status=status, created_at=later(i)) for i, status in enumerate(CallStatus)]
    await store.calls.save_batch(made, [])
    assert await store.calls.unfinished() == [record for record in made if not record.status.terminal]


async def test_the_list_is_newest_first_and_paged(store: Store, organization: Organization) -> None:
    made = [call(organization.id, created_at=later(i // 2)) for i in range(7)]
    await store.calls.save_batch(made, [])
    expected = sorted(made, key=lambda record: (record.created_at, record.id), reverse=True)
    first = await store.calls.list(organization.id, CallFilter(), limit=3, offset=0)
    last = await store.calls.list(organization.id, None, limit=3, offset=6)
    assert (list(first.items), first.total, first.has_more) == (expected[:3], 7, True)
    assert (list(last.items), last.total, last.has_more) == (expected[6:], 7, False)


async def test_each_filter_picks_its_calls(store: Store, organization: Organization) -> None:
    agent_id = uuid7()
    wanted = full_call(organization.id)
    wanted = replace(wanted, agent_id=agent_id, created_at=later(100))
    await store.calls.save_batch([wanted, call(organization.id), call(organization.id)], [])
    for chosen in (
        CallFilter(agent_id=agent_id),
        CallFilter(status=CallStatus.ENDED),
        CallFilter(direction=CallDirection.OUTBOUND),
        CallFilter(phone_number="+14155550123"),
        CallFilter(created_after=later(100)),
        CallFilter(created_after=later(50), created_before=later(100.000001), status=CallStatus.ENDED),
    ):
        page = await store.calls.list(organization.id, chosen)
        assert (page.items, page.total) == ((wanted,), 1), chosen
    assert (await store.calls.list(organization.id, CallFilter(created_before=later(100)))).total == 2


@pytest.mark.parametrize(
    "chosen",
    [
        CallFilter(),
        CallFilter(status=CallStatus.ENDED),
        CallFilter(agent_id="a"),
        CallFilter(phone_number="+1"),
        CallFilter(created_after=later(0), created_before=later(1)),
        CallFilter(agent_id="a", status=CallStatus.ENDED, created_after=later(0)),
    ],
)
async def test_listing_walks_an_index_in_order(store: Store, chosen: CallFilter) -> None:
    query = (
        sa.select(calls)
        .where(*call_conditions("o", chosen))
        .order_by(calls.c.created_at.desc(), calls.c.id.desc())
        .limit(50)
    )
    sql = str(query.compile(dialect=store.database.dialect, compile_kwargs={"literal_binds": True}))
    plan = await query_plan(store, sql)
    if store.database.dialect.name == "sqlite":
        assert "\n" not in plan
        assert plan.startswith("SEARCH calls USING INDEX")
    else:
        assert "Index Scan Backward using ix_calls_organization_id" in plan
        assert "Sort" not in plan


async def test_the_crash_sweep_reads_only_unfinished_calls(store: Store) -> None:
    seen: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
        seen.append(statement)

    sa.event.listen(store.database.engine.sync_engine, "before_cursor_execute", note)
    await store.calls.unfinished()
    (query,) = (statement for statement in seen if statement.startswith("SELECT"))
    plan = await query_plan(store, query)
    if store.database.dialect.name == "sqlite":
        assert plan == "SCAN calls USING INDEX ix_calls_unfinished"
    else:
        assert plan == "Index Scan using ix_calls_unfinished on calls"


async def test_recordings_that_are_not_kept_yet_are_found_after_a_start(
    store: Store, organization: Organization
) -> None:
    by_status = {
        status: call(organization.id, created_at=later(index), recording_status=status)
        for index, status in enumerate(RecordingStatus)
    }
    await store.calls.save_batch(list(by_status.values()), [])
    assert await store.calls.unfinished_recordings() == [
        by_status[RecordingStatus.RECORDING],
        by_status[RecordingStatus.PROCESSING],
    ]


async def test_recordings_of_calls_that_ended_long_ago_are_found_oldest_first(
    store: Store, organization: Organization
) -> None:
    ended = [
        call(
            organization.id,
            status=CallStatus.ENDED,
            ended_at=later(seconds),
            recording_status=RecordingStatus.READY,
        )
        for seconds in (30, 10, 20, 40)
    ]
    deleted = call(organization.id, status=CallStatus.ENDED, ended_at=later(5))
    failed = replace(deleted, id=uuid7(), recording_status=RecordingStatus.FAILED)
    await store.calls.save_batch([*ended, deleted, failed], [])
    assert await store.calls.recordings_older_than(later(40), 10) == [failed, ended[1], ended[2], ended[0]]
    assert await store.calls.recordings_older_than(later(40), 2) == [failed, ended[1]]


async def test_recordings_are_found_without_reading_every_call(
    store: Store, organization: Organization
) -> None:
    plan = await query_plan(
        store,
        "SELECT id FROM calls WHERE recording_status IN ('failed', 'ready')"
        " AND ended_at < 5 ORDER BY recording_status, ended_at",
    )
    assert "ix_calls_recorded" in plan


async def test_a_call_is_found_by_its_id_alone(store: Store, organization: Organization) -> None:
    record = full_call(organization.id)
    await store.calls.insert(record)
    assert await store.calls.find(record.id) == record
    assert await store.calls.find(uuid7()) is None
