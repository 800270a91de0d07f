"""Takes up calls of a gateway that is gone: each by exactly one of those that are left, or by its next run.

A call is claimed in the database, where it says whose it is; then it is restored here. One that does not come
about ends as it would have without.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass, replace
from time import monotonic

import structlog

from gateway.adoption.adopted_session import AdoptedServices, AdoptedSession, AdoptionError
from gateway.adoption.held_sink import HeldSink
from gateway.adoption.places import SnapshotPlaces
from gateway.adoption.snapshot import CallSnapshot, decode
from gateway.adoption.snapshot_keeper import SnapshotKeeper
from gateway.call import Call, ChangeSink
from sip.dialog_snapshot import SnapshotError
from store.database import Store
from store.errors import StoreError
from store.records import Agent, CallRecord, CallStatus

log = structlog.get_logger(__name__)

AT_ONCE = 32  # restored at the same time: what is more waits, for its leg and the engine
LONGEST_SILENCE_S = 90.0  # nobody has waited longer in a call without a sound
TIMEOUT_S = 40.0  # a re-INVITE that nobody answers is given up after 32 s


@dataclass(frozen=True, slots=True)
class AdopterServices:
    """`save`, `price` and `outcome` are those of every call; `fail` ends calls that nobody goes on with,
    `count` notes what became of an attempt.
    """

    sessions: AdoptedServices
    store: Store
    places: SnapshotPlaces
    keeper: SnapshotKeeper
    agent: Callable[[str], Agent | None]
    save: ChangeSink
    price: Callable[[CallRecord], int | None]
    outcome: Callable[[CallRecord], str | None]
    fail: Callable[[Sequence[CallRecord]], Awaitable[None]]
    count: Callable[[str], None]


class Adopter:
    """`enabled`: calls of the dead, and of this node's own earlier run, are taken up."""

    def __init__(self, services: AdopterServices, node_id: str, *, enabled: bool) -> None:
        self._services = services
        self._node_id = node_id
        self._enabled = enabled
        self._at_once = asyncio.Semaphore(AT_ONCE)
        self._tasks: set[asyncio.Task[None]] = set()

    async def take_up(
        self, records: Sequence[CallRecord], silent_s: dict[str, float], dead_after_s: float | None
    ) -> list[CallRecord]:
        """Take up what can be taken up of calls whose nodes are gone; those that are left over. `silent_s`:
        since when each node was not heard of; `dead_after_s`: None for our own earlier run. Raises
        `StoreError`.
        """
        if not self._enabled:
            return list(records)
        left: list[CallRecord] = []
        too_long_s = max(LONGEST_SILENCE_S, 2 * (dead_after_s or 0.0))
        for record in records:
            node = record.node_id or self._node_id
            snapshot = None
            if silent_s.get(node, 0.0) <= too_long_s:
                snapshot = await self._snapshot(record)
            if snapshot is None:
                left.append(record)
                continue
            if not await self._services.store.call_snapshots.claim(
                record.id, node, self._node_id, dead_after_s
            ):
                log.info("call_adopted_by_another", call_id=record.id)
                continue  # somebody else has it, or it has ended
            ended_at = monotonic() - silent_s.get(node, 0.0)
            self._start(self._after_death(record, snapshot, node, ended_at))
        return left

    async def take_over(self, call_id: str, from_node: str) -> bool:
        """Take a call over from a node that lives, and that keeps it when nothing comes of it."""
        record = await self._services.store.calls.find(call_id)
        if record is None or record.status is not CallStatus.IN_PROGRESS or record.node_id != from_node:
            return False
        snapshot = await self._snapshot(record)
        if snapshot is None:
            return False
        sink = HeldSink(self._services.save)
        session = await self._session(record, snapshot, sink, urgent=False)
        if session is None:
            return False
        asked_at = monotonic()
        try:
            async with self._at_once, asyncio.timeout(TIMEOUT_S):
                await session.adopt()
                asked_at = monotonic()
            claimed = await self._services.store.call_snapshots.claim(call_id, from_node, self._node_id, None)
        except (AdoptionError, TimeoutError, StoreError) as error:
            log.warning("call_not_taken_over", call_id=call_id, reason=str(error))
            session.give_up(bye=False)
            self._services.count("failed")
            return False
        if not claimed:  # it has ended there meanwhile: nobody must stay in it
            session.give_up(bye=True)
            return False
        sink.open()
        self._services.keeper.took(call_id)
        session.go_on(round((monotonic() - asked_at) * 1000), from_node)
        await session.count()
        self._services.count("handed-over")
        log.info("call_taken_over", call_id=call_id, from_node=from_node)
        return True

    async def close(self) -> None:
        """Stop what is under way; those calls end with all others."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _after_death(
        self, record: CallRecord, snapshot: CallSnapshot, node: str, ended_at: float
    ) -> None:
        self._services.keeper.took(record.id)
        session = await self._session(record, snapshot, self._services.save, urgent=True)
        if session is None:
            await self._fail(record)
            return
        try:
            async with self._at_once, asyncio.timeout(TIMEOUT_S):
                await session.adopt()
        except (AdoptionError, TimeoutError) as error:
            log.warning("call_not_adopted", call_id=record.id, from_node=node, reason=str(error))
            session.call.step("not-adopted", reason=str(error) or "time-out", from_node=node)
            session.give_up(bye=True)
            self._services.count("failed")
            return
        except Exception:
            log.exception("adoption_crashed", call_id=record.id)
            session.give_up(bye=True)
            self._services.count("failed")
            return
        gap_ms = round((monotonic() - ended_at) * 1000)
        session.go_on(gap_ms, node)
        await session.count()
        self._services.count("adopted")
        log.warning("call_adopted", call_id=record.id, from_node=node, gap_ms=gap_ms)

    async def _session(
        self, record: CallRecord, snapshot: CallSnapshot, sink: ChangeSink, *, urgent: bool
    ) -> AdoptedSession | None:
        """None when its agent is gone."""
        agent = self._services.agent(snapshot.agent_id)
        if agent is None or agent.organization_id != record.organization_id:
            return None
        timeline = await self._services.store.calls.timeline(record.id)
        call = Call.taken_up(
            record, timeline, sink, price=self._services.price, outcome=self._services.outcome
        )
        return AdoptedSession(call, snapshot, agent, self._services.sessions, urgent=urgent)

    async def _fail(self, record: CallRecord) -> None:
        """Our claim came to nothing before there was a session."""
        log.warning("call_not_adopted", call_id=record.id, reason="its agent is gone")
        self._services.keeper.over(record.id)
        self._services.count("failed")
        await self._services.fail([replace(record, node_id=self._node_id)])

    async def _snapshot(self, record: CallRecord) -> CallSnapshot | None:
        if record.status is not CallStatus.IN_PROGRESS:
            return None
        text = await self._services.places.get(record.id)
        if text is None:
            return None
        try:
            return decode(text)
        except SnapshotError as error:
            log.warning("snapshot_not_used", call_id=record.id, reason=str(error))
            return None

    def _start(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
