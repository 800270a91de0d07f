"""Where calls over a trunk go when there is more than one place, and when the next one is tried."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

FAILOVER_CODES = (408, 480, 503, 504)


class TrunkTransport(StrEnum):
    """`auto`: as the domain's NAPTR records say, else UDP."""

    UDP = "udp"
    TCP = "tcp"
    TLS = "tls"
    AUTO = "auto"


class Redirects(StrEnum):
    """Which 3xx answers to our INVITE are followed: none, those to hosts of the trunk, or all."""

    OFF = "off"
    TRUNK = "trunk"
    ANY = "any"


@dataclass(frozen=True, slots=True)
class TrunkTarget:
    """`address` is host or host:port; without a `transport` the trunk's. The lowest `priority` is tried
    first, and those of one priority share calls by `weight`.
    """

    address: str
    transport: TrunkTransport | None = None
    priority: int = 10
    weight: int = 10
    enabled: bool = True


@dataclass(frozen=True, slots=True)
class TrunkFailover:
    """When the next target is tried: after one of `codes`, or when nothing at all was answered within
    `timeout` seconds. One that failed is not tried first for `put_aside` seconds.
    """

    codes: tuple[int, ...] = FAILOVER_CODES
    timeout: float = 4.0
    put_aside: int = 60
