"""Finds the servers behind a name: NAPTR, SRV and addresses in the DNS, and what only this machine knows.

Answers are kept as long as their TTL says, within bounds; nothing found is kept too. Nobody waits longer than
`LIFETIME_S` for a name server: then what was known before is used for a while, or what the system knows.
"""

from __future__ import annotations

import asyncio
import random
import socket
from collections.abc import Callable, Sequence
from pathlib import Path
from time import monotonic
from typing import Any

import dns.asyncresolver
import dns.exception
import dns.name
import dns.nameserver
import dns.resolver
import structlog

from sip.addresses import is_address
from sip.server_location import (
    Chance,
    Destination,
    NaptrRecord,
    SrvRecord,
    default_port,
    needs_no_dns,
    ordered,
    services_of,
    srv_name,
)

log = structlog.get_logger(__name__)

LIFETIME_S = 3.0  # for one question, repetitions and other servers included
REPEAT_S = 1.0
SHORTEST_TTL_S = 5.0
LONGEST_TTL_S = 3600.0
NOT_FOUND_S = 30.0
FAILED_S = 5.0  # a name server that did not answer is left alone so long
STALE_S = 3600.0  # what is that much too old is still used when no name server answers
SYSTEM_TTL_S = 60.0
MOST_ANSWERS = 4096
MOST_DESTINATIONS = 16
HOSTS = Path("/etc/hosts")
TRANSPORTS = ("udp", "tcp", "tls")


class NameNotFoundError(OSError):
    """There is no server behind the name."""


class _NoAnswerError(Exception):
    """No name server told anything."""


class _Kept:
    """Records, until when they count, and the question that is under way."""

    __slots__ = ("ask_again", "asking", "expires", "records")

    def __init__(self) -> None:
        self.records: tuple[Any, ...] | None = None
        self.expires = 0.0
        self.ask_again = 0.0  # not before, where no name server has answered
        self.asking: asyncio.Task[tuple[Any, ...]] | None = None


class ServerLookup:
    """All look-ups of one user agent. `servers` are name servers as (address, port); none: the system's."""

    def __init__(
        self,
        servers: Sequence[tuple[str, int]] = (),
        *,
        chance: Chance = random.random,
        clock: Callable[[], float] = monotonic,
        lifetime_s: float = LIFETIME_S,
        hosts: Path = HOSTS,
    ) -> None:
        self._chance = chance
        self._clock = clock
        self._lifetime_s = lifetime_s
        self._hosts = _HostsFile(hosts)
        self._kept: dict[tuple[str, str], _Kept] = {}
        self._resolver = _resolver(servers, lifetime_s)
        self.questions = 0
        self.failures = 0

    async def locate(
        self, host: str, port: int | None, transport: str | None, families: Sequence[bool] = (False, True)
    ) -> tuple[Destination, ...]:
        """The servers in the order they are to be tried, one at least. Without a `transport` the domain's
        NAPTR records choose one, else UDP. `families`: whether of IPv6, in the order liked. Raises
        `NameNotFoundError`.
        """
        if is_address(host):
            chosen = transport or "udp"
            return (Destination(host, port or default_port(chosen), chosen),)
        found: list[Destination] = []
        if port is None and not needs_no_dns(host) and not self._hosts.addresses(host):
            try:
                found = await self._by_service(host, transport, families)
            except _NoAnswerError:
                log.warning("sip.name_servers_silent", host=host)
        if not found:
            chosen = transport or "udp"
            addresses = await self._addresses(host, families)
            found = [Destination(one, port or default_port(chosen), chosen) for one in addresses]
        if not found:
            raise NameNotFoundError(f"no server is known for {host}")
        return tuple(dict.fromkeys(found))[:MOST_DESTINATIONS]

    async def _by_service(
        self, host: str, transport: str | None, families: Sequence[bool]
    ) -> list[Destination]:
        services: list[tuple[str, str]] = []
        if transport is None:
            services = services_of(await self._ask(host, "NAPTR"), TRANSPORTS)
        if not services:
            wanted = ("udp", "tcp") if transport is None else (transport,)
            services = [(one, srv_name(host, one)) for one in wanted]
        found: list[Destination] = []
        for chosen, name in services:
            records: Sequence[SrvRecord] = await self._ask(name, "SRV")
            # Each is a question: whoever owns the domain must not keep us asking.
            for record in ordered(records, self._chance)[: max(0, MOST_DESTINATIONS - len(found))]:
                if record.target:  # the root: the service is not there
                    addresses = await self._addresses(record.target, families)
                    found.extend(Destination(one, record.port, chosen) for one in addresses)
        return found

    async def _addresses(self, host: str, families: Sequence[bool]) -> list[str]:
        if is_address(host):
            return [host]
        addresses = self._hosts.addresses(host)
        if not addresses and not needs_no_dns(host):
            kinds = ["AAAA" if family else "A" for family in families]
            answers = await asyncio.gather(*(self._ask(host, kind) for kind in kinds), return_exceptions=True)
            addresses = [str(one) for answer in answers if isinstance(answer, tuple) for one in answer]
        if not addresses:
            addresses = list(await self._ask(host, "system"))
        return [one for family in families for one in addresses if (":" in one) is family]

    async def _ask(self, name: str, kind: str) -> tuple[Any, ...]:
        """Records, kept or asked for; one question for all who want the same. Raises `_NoAnswerError`."""
        key = (name.rstrip(".").lower(), kind)
        kept = self._kept.get(key)
        if kept is None:
            if len(self._kept) >= MOST_ANSWERS:
                self._kept.pop(next(iter(self._kept)))
            kept = self._kept[key] = _Kept()
        if self._clock() < kept.expires:
            if kept.records is None:
                raise _NoAnswerError
            return kept.records
        if kept.records is not None and self._clock() < kept.ask_again:
            return kept.records
        if kept.asking is None:
            kept.asking = asyncio.create_task(self._renew(key, kept))
            kept.asking.add_done_callback(_observed)
        return await asyncio.shield(kept.asking)

    async def _renew(self, key: tuple[str, str], kept: _Kept) -> tuple[Any, ...]:
        try:
            name, kind = key
            records, ttl = await (self._system(name) if kind == "system" else self._query(name, kind))
        except _NoAnswerError:
            now = self._clock()
            if kept.records is not None and now >= kept.expires + STALE_S:
                kept.records = None
            if kept.records is None:
                kept.expires = now + FAILED_S
                raise
            kept.ask_again = now + FAILED_S
            return kept.records
        else:
            kept.records, kept.expires = records, self._clock() + ttl
            return records
        finally:
            kept.asking = None

    async def _query(self, name: str, kind: str) -> tuple[tuple[Any, ...], float]:
        if self._resolver is None:
            return (), NOT_FOUND_S
        self.questions += 1
        try:
            absolute = dns.name.from_text(name + ".")
            answer = await self._resolver.resolve(
                absolute, kind, lifetime=self._lifetime_s, search=False, raise_on_no_answer=False
            )
        except (dns.resolver.NXDOMAIN, dns.exception.SyntaxError, dns.name.LabelTooLong, dns.name.EmptyLabel):
            return (), NOT_FOUND_S
        except (dns.exception.DNSException, OSError) as error:
            self.failures += 1
            raise _NoAnswerError from error
        if answer.rrset is None:
            return (), NOT_FOUND_S
        ttl = min(max(float(answer.chaining_result.minimum_ttl), SHORTEST_TTL_S), LONGEST_TTL_S)
        return tuple(_record(one, kind) for one in answer.rrset), ttl

    async def _system(self, name: str) -> tuple[tuple[Any, ...], float]:
        """What the C library finds: mDNS, search domains, the network of a container."""
        try:
            found = await asyncio.get_running_loop().getaddrinfo(name, None, type=socket.SOCK_DGRAM)
        except (OSError, UnicodeError):
            return (), FAILED_S
        return tuple(dict.fromkeys(str(one[4][0]) for one in found)), SYSTEM_TTL_S


class _HostsFile:
    """The names of /etc/hosts, which count before the DNS; read again when it has changed."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._read_at: tuple[int, int] | None = None
        self._names: dict[str, list[str]] = {}

    def addresses(self, host: str) -> list[str]:
        try:
            stat = self._path.stat()
            stamp = (stat.st_mtime_ns, stat.st_size)
            if stamp != self._read_at:
                self._names = _names_of(self._path.read_text(errors="replace"))
                self._read_at = stamp
        except OSError:
            self._names = {}
        return self._names.get(host.rstrip(".").lower(), [])


def _names_of(text: str) -> dict[str, list[str]]:
    names: dict[str, list[str]] = {}
    for line in text.splitlines():
        address, *hosts = line.partition("#")[0].split() or [""]
        if is_address(address):
            for host in hosts:
                names.setdefault(host.lower(), []).append(address)
    return names


def _resolver(servers: Sequence[tuple[str, int]], lifetime_s: float) -> dns.asyncresolver.Resolver | None:
    """None where the system names no server: then there is no DNS, but the system's own look-up."""
    try:
        resolver = dns.asyncresolver.Resolver(configure=not servers)
    except (dns.exception.DNSException, OSError):
        return None
    if servers:
        resolver.nameservers = [dns.nameserver.Do53Nameserver(host, port) for host, port in servers]
    resolver.timeout = min(REPEAT_S, lifetime_s)
    resolver.lifetime = lifetime_s
    resolver.cache = None  # answers are kept here, with bounds of our own
    return resolver


def _record(data: Any, kind: str) -> Any:
    if kind == "SRV":
        target = data.target.to_text(omit_final_dot=True)
        return SrvRecord(data.priority, data.weight, data.port, "" if target == "." else target)
    if kind == "NAPTR":
        return NaptrRecord(
            data.order,
            data.preference,
            data.flags.decode("ascii", "replace"),
            data.service.decode("ascii", "replace"),
            data.replacement.to_text(omit_final_dot=True),
        )
    return data.address


def _observed(task: asyncio.Task[tuple[Any, ...]]) -> None:
    """Its outcome is told to whoever waits; nobody may be left."""
    if not task.cancelled():
        task.exception()
