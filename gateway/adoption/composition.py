"""What makes calls outlive their gateway, put together."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING

import structlog

from gateway.adoption.adopted_session import AdoptedServices
from gateway.adoption.adopter import Adopter, AdopterServices
from gateway.adoption.handover import Handover
from gateway.adoption.places import SnapshotPlaces
from gateway.adoption.snapshot_keeper import SnapshotKeeper
from gateway.call import ChangeSink
from gateway.cluster.cluster import Cluster
from gateway.metrics import GatewayMetrics
from store.database import Store
from store.records import Agent, CallRecord

log = structlog.get_logger(__name__)

if TYPE_CHECKING:
    from gateway.session import Session


class Adoption:
    """Made in two steps: sessions are given the `keeper`, and adopting needs what sessions are given."""

    def __init__(self, store: Store, cluster: Cluster, *, enabled: bool) -> None:
        self._store = store
        self._cluster = cluster
        self._enabled = enabled
        self._places = SnapshotPlaces(store.call_snapshots, cluster.redis)
        self.keeper = SnapshotKeeper(self._places, enabled=enabled)
        self._adopter: Adopter | None = None
        self._handover: Handover | None = None

    def compose(
        self,
        sessions: AdoptedServices,
        metrics: GatewayMetrics,
        *,
        agent: Callable[[str], Agent | None],
        save: ChangeSink,
        price: Callable[[CallRecord], int | None],
        outcome: Callable[[CallRecord], str | None],
        fail: Callable[[Sequence[CallRecord]], Awaitable[None]],
        busy: Callable[[], bool],
        written: Callable[[], Awaitable[None]],
    ) -> None:
        node_id = self._cluster.node.id
        services = AdopterServices(
            sessions,
            self._store,
            self._places,
            self.keeper,
            agent,
            save,
            price,
            outcome,
            fail,
            lambda result: metrics.adoptions.labels(result).inc(),
        )
        self._adopter = Adopter(services, node_id, enabled=self._enabled)
        self._handover = Handover(
            self._store.call_handovers,
            self._places,
            self._adopter,
            node_id,
            enabled=self._enabled,
            others=lambda: self._cluster.heartbeat.living - 1,
            busy=busy,
            written=written,
        )

    async def silences(self) -> dict[str, float]:
        """Since when each node was not heard of, in seconds. Before `Cluster.enter` our own earlier run is
        one of them. Raises `StoreError`.
        """
        return {node.id: node.silent_s for node in await self._store.nodes.list()}

    async def take_up(
        self, records: Sequence[CallRecord], silences: dict[str, float], dead_after_s: float | None
    ) -> list[CallRecord]:
        """See `Adopter`; what is left over is to be ended."""
        assert self._adopter is not None
        return await self._adopter.take_up(records, silences, dead_after_s)

    async def let_go_of_claimed(self, sessions: Sequence[Session]) -> None:
        """We were silent for so long that others may have taken calls up: those are theirs, and go on there.
        Raises `StoreError`.
        """
        node_id = self._cluster.node.id
        ids = [session.call.id for session in sessions]
        claimed = await self._store.call_snapshots.claimed_by_others(ids, node_id) if ids else set()
        for session in sessions:
            if session.call.id in claimed:
                session.let_go()
        if claimed:
            log.warning("calls_were_taken_up_by_others", calls=len(claimed))

    async def hand_over(self, sessions: Sequence[Session], *, recorded: bool = False) -> int:
        """See `Handover`."""
        assert self._handover is not None
        return await self._handover.hand_over(sessions, recorded=recorded)

    def start(self) -> None:
        assert self._handover is not None
        if self._enabled:
            self.keeper.start()
            self._handover.start()

    async def close(self) -> None:
        for part in (self._handover, self._adopter, self.keeper):
            if part is not None:
                await part.close()
