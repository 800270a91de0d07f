"""In which order the servers behind a name are tried (RFC 3263 section 4, RFC 2782, RFC 3403).

Owns the choice alone: what the records say is found out by `sip.server_lookup`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import groupby
from operator import attrgetter
from typing import NamedTuple, Protocol, TypeVar

DEFAULT_PORTS = {"udp": 5060, "tcp": 5060, "tls": 5061}
_SERVICES = {"SIP+D2U": "udp", "SIP+D2T": "tcp", "SIPS+D2T": "tls"}
_SRV_PREFIXES = {"udp": "_sip._udp", "tcp": "_sip._tcp", "tls": "_sips._tcp"}

Chance = Callable[[], float]
"""A random number in [0, 1)."""


class Destination(NamedTuple):
    """A server: a numeric address, its port, and the transport to reach it by."""

    host: str
    port: int
    transport: str


class NaptrRecord(NamedTuple):
    """One NAPTR record as far as SIP uses it."""

    order: int
    preference: int
    flags: str
    service: str
    replacement: str


class SrvRecord(NamedTuple):
    """One SRV record; `target` is a name, without the last dot."""

    priority: int
    weight: int
    port: int
    target: str


class Weighted(Protocol):
    """What is tried by priority, the lowest first, and within one by weight."""

    @property
    def priority(self) -> int: ...

    @property
    def weight(self) -> int: ...


_Weighted = TypeVar("_Weighted", bound=Weighted)


def default_port(transport: str) -> int:
    """The port where none is said."""
    return DEFAULT_PORTS.get(transport, 5060)


def needs_no_dns(host: str) -> bool:
    """Whether a name can only be one of this machine or its network: one label (docker, localhost), or with
    an underscore, which host names in the DNS do not have.
    """
    bare = host.rstrip(".").lower()
    return "." not in bare or "_" in bare or bare.endswith((".localhost", ".local"))


def services_of(records: Iterable[NaptrRecord], transports: Sequence[str]) -> list[tuple[str, str]]:
    """Transport and SRV name of each service that we can use, the one the domain likes best first (RFC 3263
    section 4.1). One transport is taken once.
    """
    found: dict[str, str] = {}
    for record in sorted(records, key=lambda one: (one.order, one.preference)):
        transport = _SERVICES.get(record.service.upper())
        if transport in transports and record.flags.lower() == "s" and transport is not None:
            found.setdefault(transport, record.replacement)
    return list(found.items())


def srv_name(host: str, transport: str) -> str:
    """Where a domain's servers for a transport stand."""
    return f"{_SRV_PREFIXES[transport]}.{host}"


def ordered(records: Iterable[_Weighted], chance: Chance) -> list[_Weighted]:
    """By priority, and by chance within one so that the share of each is its weight (RFC 2782)."""
    result: list[_Weighted] = []
    by_priority = attrgetter("priority")
    for _, group in groupby(sorted(records, key=by_priority), by_priority):
        # Those of weight 0 stand first, where they have a very small chance beside others.
        waiting = sorted(group, key=lambda one: one.weight != 0)
        while waiting:
            result.append(waiting.pop(_chosen(waiting, chance)))
    return result


def _chosen(waiting: Sequence[Weighted], chance: Chance) -> int:
    total = sum(one.weight for one in waiting)
    if total == 0:
        return int(chance() * len(waiting))
    limit = int(chance() * (total + 1))
    running = 0
    for index, one in enumerate(waiting):
        running += one.weight
        if running >= limit:
            return index
    return len(waiting) - 1
