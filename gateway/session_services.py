"""What the sessions of all calls share, and who is told so that calls outlive their gateway."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from gateway.agent_parts import AgentParts
from gateway.cluster.call_limits import CallLimits
from gateway.cluster.leases import Leases
from gateway.conversation_services import ConversationServices
from gateway.event_bus import EventBus
from gateway.live_calls import LiveCalls
from gateway.metrics import GatewayMetrics
from gateway.referred_call import ReferralServices
from gateway.signalling.trace_ring import TraceRing
from gateway.signalling.traces import CallTraces
from gateway.transfers.services import TransferServices
from gateway.trunk_statistics import TrunkStatistics
from store.records import Agent, Trunk

if TYPE_CHECKING:
    from gateway.session import Session


@dataclass(frozen=True, slots=True)
class SessionServices:
    """What every session shares."""

    live: LiveCalls
    metrics: GatewayMetrics
    conversation: ConversationServices
    default_max_duration_s: float
    default_ring_timeout_s: float
    transfers: TransferServices
    trunk: Callable[[str], Trunk | None] = lambda trunk_id: None
    events: EventBus = field(default_factory=EventBus)
    leases: Leases = field(default_factory=Leases)
    limits: CallLimits = field(default_factory=CallLimits)
    node_id: str | None = None
    parts: Callable[[Agent], AgentParts] = lambda agent: AgentParts()
    referrals: Callable[[], ReferralServices] | None = None
    trunk_statistics: TrunkStatistics = field(default_factory=TrunkStatistics)
    traces: CallTraces = field(default_factory=lambda: CallTraces(TraceRing(0, 0)))
    keeper: CallKeeper | None = None


class CallKeeper(Protocol):
    """Sees to it that another gateway could go on with a call."""

    def changed(self, session: Session) -> None:
        """What was agreed is another now."""
        ...

    def over(self, call_id: str) -> None:
        """Nothing is left to go on with."""
        ...

    def left(self, call_id: str) -> None:
        """Somebody else goes on with it."""
        ...
