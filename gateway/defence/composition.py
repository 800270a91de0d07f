"""The parts of the defence, joined."""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic

from gateway.config import Config
from gateway.defence.bans import Bans
from gateway.defence.defence_metrics import DefenceMetrics
from gateway.defence.gate import InboundGate
from gateway.metrics import GatewayMetrics
from gateway.refused_invites import RefusedInvites
from routing.table import RoutingTable
from sip.digest_server import DigestServer
from store.records import Trunk


class Defence:
    """The gate and the bans behind it."""

    def __init__(
        self,
        config: Config,
        metrics: GatewayMetrics,
        refused: RefusedInvites,
        table: Callable[[], RoutingTable],
        trunk: Callable[[str], Trunk | None],
        registered: Callable[[str, tuple[str, int]], str | None],
    ) -> None:
        defence = config.defence
        self.bans = Bans(after=defence.ban_after, window_s=defence.ban_window, time_s=defence.ban_time)
        self.gate = InboundGate(
            table=table,
            trunk=trunk,
            digest=DigestServer(clock=monotonic, algorithms=config.sip.digest_algorithms),
            refused=refused,
            bans=self.bans,
            config=defence,
            metrics=DefenceMetrics(metrics.registry),
            registered=registered,
        )
        metrics.gauge("sources_banned", "Sources that are not listened to.", lambda: len(self.bans))
