"""What an operator watches: the calls that go on, how they sound, room, trunks, and what has failed lately.

A snapshot is made at most once a second for an organisation, however many watch it. What only the database
knows, calls of other nodes among it, is asked for every few seconds.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import AsyncGenerator, Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from time import monotonic
from typing import Protocol

from gateway.configuration.calls import CallsSection
from gateway.errors import LimitExceededError
from gateway.live_calls import LiveCalls
from gateway.trunk_watch import TrunkStatus
from media.messages import LegStatistics
from store.database import Store
from store.live_counts import LiveCountRepository, LiveCounts
from store.records import CallDirection, CallRecord, Trunk

INTERVAL_S = 1.0
COUNTS_EVERY_S = 3.0
SHOWN_CALLS = 100  # the newest; how many there are in all is told beside them
MEASURED_CALLS = 50  # of these: each costs a question to its media worker
BEGUN_WITHIN = timedelta(seconds=60)
FAILED_WITHIN = timedelta(hours=1)
WATCHER_LIMIT = 50  # connections of one organisation
KEPT_BOARDS = 256


@dataclass(frozen=True, slots=True)
class LiveCall:
    """A call that is not over. `figures`: None where nothing is measured, such as on another node."""

    record: CallRecord
    figures: LegStatistics | None = None


@dataclass(frozen=True, slots=True)
class LiveTrunk:
    trunk: Trunk
    status: TrunkStatus


@dataclass(frozen=True, slots=True, eq=False)
class Snapshot:
    """How things stand with one organisation. `limits` are the node's places for calls by direction, None
    without a limit; `begun` counts calls of the last minute, `failures` those of the last hour by reason.
    """

    at: datetime
    calls: tuple[LiveCall, ...]
    call_count: int
    busy: dict[CallDirection, int]
    limits: dict[CallDirection, int | None]
    begun: int
    failures: dict[str, int]
    trunks: tuple[LiveTrunk, ...]


class TrunkStatuses(Protocol):
    """What is known of the trunks' far sides."""

    def status(self, trunk_id: str, /) -> TrunkStatus: ...


@dataclass
class _Board:
    """What is kept of one organisation between two snapshots."""

    making: asyncio.Lock = field(default_factory=asyncio.Lock)
    snapshot: Snapshot | None = None
    made_at: float = 0.0
    counts: LiveCounts | None = None
    counted_at: float = 0.0
    watchers: int = 0


class LiveBoard:
    """All organisations' boards. `limits`: places for calls by direction; `closed`: the gateway stops."""

    def __init__(
        self,
        counts: LiveCountRepository,
        live: LiveCalls,
        trunks: Callable[[], Sequence[Trunk]],
        statuses: TrunkStatuses,
        *,
        limits: dict[CallDirection, int | None],
        closed: Callable[[], bool],
        interval_s: float = INTERVAL_S,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self._counts = counts
        self._live = live
        self._trunks = trunks
        self._statuses = statuses
        self._limits = limits
        self._closed = closed
        self._interval_s = interval_s
        self._clock = clock
        self._boards: OrderedDict[str, _Board] = OrderedDict()

    async def snapshot(self, organization_id: str) -> Snapshot:
        """How things stand now, or stood less than a second ago."""
        board = self._board(organization_id)
        async with board.making:
            if board.snapshot is None or self._clock() - board.made_at >= self._interval_s * 0.9:
                board.snapshot = await self._make(organization_id, board)
                board.made_at = self._clock()
            return board.snapshot

    def watch(self, organization_id: str) -> AsyncGenerator[Snapshot]:
        """Snapshots, one a second, until the gateway stops. Raises `LimitExceededError` at once when too many
        watch already.
        """
        if self._board(organization_id).watchers >= WATCHER_LIMIT:
            raise LimitExceededError(
                f"At most {WATCHER_LIMIT} connections may watch an organisation's calls.",
                code="too_many_watchers",
                retry_after=10,
                limit=WATCHER_LIMIT,
            )
        return self._snapshots(organization_id)

    async def _snapshots(self, organization_id: str) -> AsyncGenerator[Snapshot]:
        board = self._board(organization_id)
        if board.watchers >= WATCHER_LIMIT:
            return  # others that asked at the same moment were sooner
        board.watchers += 1
        try:
            while not self._closed():
                yield await self.snapshot(organization_id)
                await asyncio.sleep(self._interval_s)
        finally:
            board.watchers -= 1

    async def _make(self, organization_id: str, board: _Board) -> Snapshot:
        counts = board.counts
        if counts is None or self._clock() - board.counted_at >= COUNTS_EVERY_S:
            now = datetime.now(UTC)
            counts = board.counts = await self._counts.of(
                organization_id,
                SHOWN_CALLS,
                begun_since=now - BEGUN_WITHIN,
                failed_since=now - FAILED_WITHIN,
            )
            board.counted_at = self._clock()
        here = {
            session.call.id: session
            for session in self._live
            if session.call.record.organization_id == organization_id
        }
        records = {record.id: record for record in counts.unfinished if record.id not in here}
        records |= {call_id: session.call.record for call_id, session in here.items()}
        lasting = [record for record in records.values() if not record.status.terminal]
        lasting.sort(key=lambda record: (record.created_at, record.id), reverse=True)
        shown = lasting[:SHOWN_CALLS]
        measured = [here[record.id] for record in shown if record.id in here][:MEASURED_CALLS]
        figures = dict(
            zip(
                (session.call.id for session in measured),
                await asyncio.gather(*(session.statistics() for session in measured)),
                strict=True,
            )
        )
        beyond = counts.unfinished_count - len(counts.unfinished)  # known by their number alone
        busy = dict.fromkeys(CallDirection, 0)
        for record in lasting:
            busy[record.direction] += 1
        return Snapshot(
            at=datetime.now(UTC),
            calls=tuple(LiveCall(record, figures.get(record.id)) for record in shown),
            call_count=len(lasting) + (0 if len(here) > SHOWN_CALLS else beyond),
            busy=busy,
            limits=self._limits,
            begun=counts.begun,
            failures=counts.failures,
            trunks=tuple(
                LiveTrunk(trunk, self._statuses.status(trunk.id))
                for trunk in self._trunks()
                if trunk.organization_id == organization_id
            ),
        )

    def _board(self, organization_id: str) -> _Board:
        board = self._boards.get(organization_id)
        if board is None:
            board = self._boards[organization_id] = _Board()
            if len(self._boards) > KEPT_BOARDS:
                idle = next((name for name, each in self._boards.items() if not each.watchers), None)
                if idle is not None and idle != organization_id:
                    del self._boards[idle]
        return board


def open_live_board(
    store: Store,
    live: LiveCalls,
    trunks: Callable[[], Sequence[Trunk]],
    statuses: TrunkStatuses,
    settings: CallsSection,
    *,
    closed: Callable[[], bool],
) -> LiveBoard:
    """The board of a gateway that is configured so."""
    return LiveBoard(
        store.live_counts,
        live,
        trunks,
        statuses,
        limits={
            CallDirection.INBOUND: settings.max_inbound,
            CallDirection.OUTBOUND: settings.max_outbound,
            CallDirection.WEBRTC: None,
        },
        closed=closed,
    )
