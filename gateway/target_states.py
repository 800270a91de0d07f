"""Which servers of each trunk have failed lately, and are not tried first for a while."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from time import monotonic

from sip.server_location import Destination
from store.target_records import TrunkTarget

__all__ = ["Destination", "TargetState", "TargetStates", "TargetStatus"]

LONGEST_ASIDE_S = 3_600.0  # the longest Retry-After that is respected
MOST_SERVERS = 4_096


class TargetState(StrEnum):
    """`unknown`: nothing was sent to it yet; `aside`: every server of it that we know has failed."""

    UNKNOWN = "unknown"
    UP = "up"
    ASIDE = "aside"


@dataclass(frozen=True, slots=True)
class TargetStatus:
    """Of one target. `error` and `sip_status` are of the newest failure while it is aside."""

    state: TargetState = TargetState.UNKNOWN
    aside_until: datetime | None = None
    error: str | None = None
    sip_status: int | None = None
    servers: tuple[Destination, ...] = ()


@dataclass(frozen=True, slots=True)
class _Server:
    until: float = 0.0  # on the clock; in the past: it works
    failed_at: datetime | None = None
    aside_s: float = 0.0
    error: str | None = None
    sip_status: int | None = None


_Key = tuple[str, str, Destination]


class TargetStates:
    """Of all trunks of this node, each server under the target it was found for."""

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._servers: OrderedDict[_Key, _Server] = OrderedDict()
        self.failures: dict[str, int] = {}

    def worked(self, trunk_id: str, target: TrunkTarget, server: Destination) -> None:
        """It answered, whatever it said."""
        self._set((trunk_id, target.address, server), _Server())

    def failed(
        self,
        trunk_id: str,
        target: TrunkTarget,
        server: Destination,
        aside_s: float,
        *,
        error: str,
        sip_status: int | None = None,
        retry_after_s: float | None = None,
    ) -> None:
        """It cannot be reached, did not answer, or has no room: it is put aside, as long as it asked for."""
        seconds = min(max(aside_s, retry_after_s or 0.0), LONGEST_ASIDE_S)
        self._set(
            (trunk_id, target.address, server),
            _Server(self._clock() + seconds, datetime.now(UTC), seconds, error, sip_status),
        )

    def is_aside(self, trunk_id: str, target: TrunkTarget, server: Destination) -> bool:
        known = self._servers.get((trunk_id, target.address, server))
        return known is not None and self._clock() < known.until

    def status(self, trunk_id: str, target: TrunkTarget) -> TargetStatus:
        """What is known of a target."""
        known = {
            server: state
            for (of, address, server), state in self._servers.items()
            if of == trunk_id and address == target.address
        }
        if not known:
            return TargetStatus()
        servers = tuple(known)
        aside = [state for state in known.values() if self._clock() < state.until]
        if len(aside) < len(known):
            return TargetStatus(TargetState.UP, servers=servers)
        first = min(aside, key=lambda one: one.until)
        until = None if first.failed_at is None else first.failed_at + timedelta(seconds=first.aside_s)
        return TargetStatus(TargetState.ASIDE, until, first.error, first.sip_status, servers)

    def _set(self, key: _Key, state: _Server) -> None:
        if state.error is not None:
            self.failures[key[0]] = self.failures.get(key[0], 0) + 1
        self._servers[key] = replace(state)
        self._servers.move_to_end(key)
        while len(self._servers) > MOST_SERVERS:
            self._servers.popitem(last=False)
