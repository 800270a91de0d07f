"""What dialling a campaign needs from the gateway around it."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol

from gateway.batch.status_change import CampaignJournal
from gateway.configuration.calls import BatchSection, CallsSection
from gateway.dial_queue import DialQueue
from gateway.live_calls import LiveCalls
from gateway.metrics import GatewayMetrics
from gateway.new_call import NewCall
from media.plane import MediaPlane
from routing.table import RoutingTable
from store.database import Store
from store.records import CallDirection, CallRecord


class Calls(Protocol):
    """Placing and taking back calls (`gateway.calls.CallService`)."""

    async def create(
        self,
        organization_id: str,
        request: NewCall,
        /,
        *,
        call_id: str | None = None,
        may_ring: Callable[[], Awaitable[bool]] | None = None,
    ) -> CallRecord: ...

    async def cancel(self, organization_id: str, call_id: str, /) -> CallRecord: ...


@dataclass(frozen=True, slots=True)
class DialServices:
    """`node` is the name under which this process holds leases. `giving_way` tells that another node should
    go on with the campaigns, because this one is about to stop.
    """

    node: str
    store: Store
    journal: CampaignJournal
    calls: Calls
    live: LiveCalls
    table: Callable[[], RoutingTable]
    free_places: Callable[[], int]
    metrics: GatewayMetrics
    config: BatchSection
    giving_way: Callable[[], bool] = lambda: False

    def is_live(self, call_id: str) -> bool:
        return self.live.get(call_id) is not None

    def numbers_of(self, agent_id: str) -> tuple[str, ...]:
        """The numbers that an agent may call from."""
        return tuple(number.phone_number for number in self.table().outbound_numbers(agent_id))

    def busy_numbers(self, campaign_id: str) -> Counter[str]:
        """How many calls this node has on each number that are not of the campaign."""
        busy: Counter[str] = Counter()
        for session in self.live:
            record = session.call.record
            if record.from_number is not None and record.metadata.get("campaign_id") != campaign_id:
                busy[record.from_number] += 1
        return busy


class FreePlaces:
    """How many calls campaigns may begin now: a share of the outbound places is left to single calls, and
    media legs to the inbound calls that may come.
    """

    def __init__(
        self,
        live: LiveCalls,
        queue: DialQueue,
        plane: MediaPlane,
        draining: Callable[[], bool],
        calls: CallsSection,
        batch: BatchSection,
    ) -> None:
        self._live = live
        self._queue = queue
        self._plane = plane
        self._draining = draining
        # A gateway with one place has none to leave to others.
        self._outbound = max(
            min(1, calls.max_outbound), math.floor(calls.max_outbound * batch.outbound_share)
        )
        self._inbound_reserve = math.ceil(calls.max_inbound * batch.inbound_reserve)

    def __call__(self) -> int:
        if self._draining() or self._plane.state != "ok":
            return 0
        taken = self._live.count(CallDirection.OUTBOUND) + len(self._queue)
        kept = max(0, self._inbound_reserve - self._live.count(CallDirection.INBOUND))
        return max(0, min(self._outbound - taken, self._plane.ports_free - kept))
