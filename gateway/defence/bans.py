"""Sources that are not listened to for a time, and the strikes that lead there.

An IPv6 source is its /64, which is what one customer has. Kept in memory of this node, bounded: the oldest
ban gives way to a new one.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from ipaddress import IPv6Address, IPv6Network

import structlog

from gateway.errors import NotFoundError
from routing.table import parse_address
from store.records import Page

log = structlog.get_logger(__name__)

MOST_BANS = 10_000
MOST_STRUCK = 10_000


@dataclass(frozen=True, slots=True)
class Ban:
    """`dropped` counts what has come from there since."""

    source: str
    reason: str
    since: datetime
    until: datetime
    dropped: int = 0


class Bans:
    """`after` strikes within `window_s` are a ban of `time_s`; 0 strikes: nobody is banned."""

    def __init__(self, *, after: int, window_s: float, time_s: float) -> None:
        self._after = after
        self._window_s = window_s
        self._time_s = time_s
        self._strikes: OrderedDict[str, deque[float]] = OrderedDict()
        self._bans: OrderedDict[str, tuple[float, Ban]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._bans)

    def holds(self, host: str, now: float) -> bool:
        """Whether nothing from there is listened to; counts what is dropped."""
        if not self._bans:
            return False
        source = source_of(host)
        held = self._bans.get(source)
        if held is None:
            return False
        end, ban = held
        if now >= end:
            del self._bans[source]
            return False
        self._bans[source] = (end, replace(ban, dropped=ban.dropped + 1))
        return True

    def strike(self, host: str, reason: str, now: float) -> bool:
        """Note a misdeed; True when it was the one too many."""
        if self._after == 0:
            return False
        source = source_of(host)
        strikes = self._strikes.setdefault(source, deque(maxlen=self._after))
        self._strikes.move_to_end(source)
        if len(self._strikes) > MOST_STRUCK:
            self._strikes.popitem(last=False)
        strikes.append(now)
        if len(strikes) < self._after or now - strikes[0] > self._window_s:
            return False
        self.ban(host, reason, now)
        return True

    def ban(self, host: str, reason: str, now: float) -> None:
        if self._after == 0:
            return
        source = source_of(host)
        self._strikes.pop(source, None)
        since = datetime.now(UTC)
        until = since + timedelta(seconds=self._time_s)
        self._bans[source] = (now + self._time_s, Ban(source, reason, since, until))
        self._bans.move_to_end(source)
        if len(self._bans) > MOST_BANS:
            self._bans.popitem(last=False)
        log.warning("source_banned", source=source, reason=reason, seconds=self._time_s)

    def lift(self, host: str) -> None:
        """Listen to it again. Raises `NotFoundError`."""
        source = source_of(host)
        if self._bans.pop(source, None) is None:
            raise NotFoundError(f"{host} is not banned.", source=host)
        log.info("ban_lifted", source=source)

    def list(self, limit: int, offset: int, now: float) -> Page[Ban]:
        """Newest first."""
        for source in [source for source, (end, _) in self._bans.items() if now >= end]:
            del self._bans[source]
        held = tuple(ban for _, ban in reversed(self._bans.values()))
        return Page(held[offset : offset + limit], len(held), limit, offset)


def source_of(host: str) -> str:
    """What strikes count for: the address, of IPv6 the first 64 bits."""
    if ":" not in host:
        return host
    address = parse_address(host.partition("/")[0])
    if isinstance(address, IPv6Address):
        return str(IPv6Network((address, 64), strict=False))
    return host if address is None else str(address)
