from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from gateway.errors import LimitExceededError
from gateway.live_board import (
    COUNTS_EVERY_S,
    MEASURED_CALLS,
    SHOWN_CALLS,
    WATCHER_LIMIT,
    LiveBoard,
)
from gateway.live_calls import LiveCalls
from gateway.trunk_watch import TrunkStatus
from media.messages import LegStatistics
from store import Store
from store.identifiers import uuid7
from store.records import CallDirection, CallRecord, CallStatus, Organization
from tests.store.samples import agent, call, trunk

LIMITS: dict[CallDirection, int | None] = {CallDirection.INBOUND: 5, CallDirection.OUTBOUND: None}


class World:
    """A board over a real store, with sessions and a clock of the test's own."""

    def __init__(self, store: Store, organization_id: str, agent_id: str) -> None:
        self.store = store
        self.organization_id = organization_id
        self.agent_id = agent_id
        self.now = 100.0
        self.closed = False
        self.asked: list[str] = []
        self.live = LiveCalls(max_inbound=5, max_outbound=5)
        self.trunks = [trunk(organization_id), trunk(uuid7())]
        self.board = LiveBoard(
            store.live_counts,
            self.live,
            lambda: self.trunks,
            self,
            limits=LIMITS,
            closed=lambda: self.closed,
            interval_s=0.001,
            clock=lambda: self.now,
        )

    def status(self, trunk_id: str) -> TrunkStatus:
        return TrunkStatus()

    def record(self, **fields: Any) -> CallRecord:
        made = call(organization_id=self.organization_id, agent_id=self.agent_id)
        return replace(made, created_at=datetime.now(UTC), **fields)

    def here(self, record: CallRecord, mos: float = 4.2) -> None:
        """A call of this node."""

        async def statistics() -> LegStatistics:
            self.asked.append(record.id)
            return LegStatistics(mos=mos)

        session = SimpleNamespace(call=SimpleNamespace(id=record.id, record=record), statistics=statistics)
        self.live.add(cast(Any, session))


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    store = await Store.open(f"sqlite:///{tmp_path / 'trunkline.db'}")
    organization = Organization(uuid7(), "Bright Dental", datetime.now(UTC))
    await store.organizations.create(organization)
    made = agent(organization.id)
    await store.agents.create(made)
    yield World(store, organization.id, made.id)
    await store.close()


async def save(world: World, *records: CallRecord) -> None:
    for record in records:
        await world.store.calls.insert(record)


async def test_calls_here_are_shown_with_their_sound_and_those_elsewhere_without(world: World) -> None:
    stale = world.record(status=CallStatus.RINGING)
    elsewhere = world.record(status=CallStatus.IN_PROGRESS, direction=CallDirection.OUTBOUND)
    over = world.record(status=CallStatus.ENDED)
    await save(world, stale, elsewhere, over)
    world.here(replace(stale, status=CallStatus.IN_PROGRESS, direction=CallDirection.INBOUND))
    world.here(replace(world.record(status=CallStatus.IN_PROGRESS), organization_id=uuid7()))
    snapshot = await world.board.snapshot(world.organization_id)
    shown = {each.record.id: each for each in snapshot.calls}
    assert set(shown) == {stale.id, elsewhere.id}
    assert shown[stale.id].record.status is CallStatus.IN_PROGRESS
    figures = shown[stale.id].figures
    assert figures is not None
    assert figures.mos == 4.2
    assert shown[elsewhere.id].figures is None
    assert snapshot.call_count == 2
    assert (snapshot.busy[CallDirection.INBOUND], snapshot.busy[CallDirection.OUTBOUND]) == (1, 1)
    assert snapshot.limits[CallDirection.INBOUND] == 5
    assert [each.trunk.organization_id for each in snapshot.trunks] == [world.organization_id]


async def test_what_began_and_failed_lately_is_counted(world: World) -> None:
    old = datetime.now(UTC) - timedelta(hours=2)
    lately = datetime.now(UTC) - timedelta(minutes=30)
    failed = world.record(status=CallStatus.FAILED, failure_reason="busy")
    await save(
        world,
        failed,
        replace(failed, id=uuid7(), created_at=lately),
        replace(failed, id=uuid7(), created_at=lately, failure_reason="no-answer"),
        replace(failed, id=uuid7(), created_at=old, failure_reason="media-timeout"),
        world.record(status=CallStatus.ENDED),
    )
    snapshot = await world.board.snapshot(world.organization_id)
    assert snapshot.begun == 2
    assert snapshot.failures == {"busy": 2, "no-answer": 1}
    assert snapshot.calls == ()


async def test_a_call_that_ended_since_the_database_was_asked_is_gone(world: World) -> None:
    record = world.record(status=CallStatus.IN_PROGRESS)
    await save(world, record)
    world.here(record)
    assert (await world.board.snapshot(world.organization_id)).call_count == 1
    world.live.remove(record.id)
    world.here(replace(record, status=CallStatus.ENDED))
    world.now += COUNTS_EVERY_S / 2
    assert (await world.board.snapshot(world.organization_id)).call_count == 0


async def test_many_watchers_cost_what_one_does(world: World) -> None:
    world.here(world.record(status=CallStatus.IN_PROGRESS))
    await asyncio.gather(*(world.board.snapshot(world.organization_id) for _ in range(20)))
    assert len(world.asked) == 1
    world.now += 1
    await world.board.snapshot(world.organization_id)
    assert len(world.asked) == 2


async def test_of_very_many_calls_the_newest_are_shown_and_all_are_counted(world: World) -> None:
    for _ in range(SHOWN_CALLS + 20):
        world.here(world.record(status=CallStatus.IN_PROGRESS))
    newest = world.record(status=CallStatus.IN_PROGRESS)
    world.here(newest)
    snapshot = await world.board.snapshot(world.organization_id)
    assert len(snapshot.calls) == SHOWN_CALLS
    assert snapshot.calls[0].record.id == newest.id
    assert len(world.asked) == MEASURED_CALLS
    assert snapshot.call_count == SHOWN_CALLS + 21


async def test_watchers_are_told_again_and_again_until_the_gateway_stops(world: World) -> None:
    seen = 0
    async for _ in world.board.watch(world.organization_id):
        seen += 1
        world.closed = seen == 3
    assert seen == 3


async def test_only_so_many_may_watch_however_many_ask_at_once(world: World) -> None:
    asked = [world.board.watch(world.organization_id) for _ in range(WATCHER_LIMIT + 3)]
    first = [await anext(each, None) for each in asked]
    assert first[-3:] == [None] * 3
    assert None not in first[:-3]
    for each in asked:
        await each.aclose()


async def test_only_so_many_may_watch(world: World) -> None:
    watching = [world.board.watch(world.organization_id) for _ in range(WATCHER_LIMIT)]
    for each in watching:
        await anext(each)
    with pytest.raises(LimitExceededError):
        world.board.watch(world.organization_id)
    await watching.pop().aclose()
    world.board.watch(world.organization_id)
    for each in watching:
        await each.aclose()
