"""Which addresses of the web we may speak to at a client's word.

An address that comes from a client must not become a way into our own network (server-side request forgery):
only http and https, no credentials, and only public addresses, checked on what the name resolves to and then
connected to, so that a name which changes its mind in between does not help. Whoever connects refuses
redirects as well.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from typing import Any
from urllib.parse import urlsplit

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

MAX_URL_LENGTH = 2_048


class PrivateAddressError(OSError):
    """A name leads to an address that is not one of the public Internet."""


class PublicResolver(AbstractResolver):
    """Resolves names and gives out public addresses only."""

    def __init__(self, *, allow_private: bool) -> None:
        self._allow_private = allow_private

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        found = await asyncio.get_running_loop().getaddrinfo(
            host, port, family=family, type=socket.SOCK_STREAM, flags=socket.AI_ADDRCONFIG
        )
        results: list[ResolveResult] = []
        for kind, _, protocol, _, address in found:
            literal = str(address[0])
            if not (self._allow_private or is_public(literal)):
                # One private address among public ones is a trick as well.
                raise PrivateAddressError("the host has a private address")
            results.append(
                ResolveResult(
                    hostname=host,
                    host=literal,
                    port=port,
                    family=kind,
                    proto=protocol,
                    flags=socket.AI_NUMERICHOST,
                )
            )
        return results

    async def close(self) -> None:
        """Nothing is held."""


def is_public(literal: str) -> bool:
    """Whether an address is one of the public Internet; those that carry another one inside are judged by
    it.
    """
    try:
        address: Any = ipaddress.ip_address(literal.partition("%")[0])
    except ValueError:
        return False
    if isinstance(address, ipaddress.IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour or (address.teredo or (None, None))[1]
        if inner is not None:
            address = inner
        elif address in _NAT64:
            address = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
        elif any(address in network for network in _NEVER_PUBLIC):
            return False
    return bool(address.is_global and not address.is_multicast)


_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
# What `is_global` lets through although nobody on the Internet is there: IPv4 addresses inside IPv6 ones as
# they were written once (RFC 4291 section 2.5.5.1, RFC 2765), translation within a network (RFC 8215), and
# site-local addresses (RFC 3879).
_NEVER_PUBLIC = tuple(
    ipaddress.IPv6Network(network) for network in ("::/96", "::ffff:0:0:0/96", "64:ff9b:1::/48", "fec0::/10")
)


def url_problem(url: str, *, allow_private: bool) -> str | None:
    """What is wrong with the address itself; None when it may be tried."""
    if len(url) > MAX_URL_LENGTH:
        return f"The URL is longer than {MAX_URL_LENGTH} characters."
    try:
        parts = urlsplit(url)
        # As it is connected to: aiohttp asks no resolver about an address, and turns into one what only looks
        # like one (digits of other scripts, other full stops).
        host, _ = URL(url).raw_host, parts.port
    except ValueError:
        return "The URL cannot be read."
    if parts.scheme not in ("http", "https") or not host:
        return "The URL must begin with http:// or https:// and name a host."
    if parts.username is not None or parts.password is not None:
        return "The URL must not hold a user or a password."
    if not allow_private and _is_literal(host) and not is_public(host):
        return "The URL leads to a private address."
    return None


def _is_literal(host: str) -> bool:
    """An address in any spelling that the system takes for one: 127.1 and 0x7f000001 as well."""
    if ":" in host:
        return True
    try:
        socket.inet_aton(host)
    except OSError:
        return False
    return True


def guarded_session(*, allow_private: bool) -> aiohttp.ClientSession:
    """A session for addresses that clients name. Whoever uses it sets the time limits and follows no
    redirects.
    """
    # No environment: a proxy of ours would resolve names by itself. No cookies between customers.
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(resolver=PublicResolver(allow_private=allow_private), limit=0),
        trust_env=False,
        auto_decompress=False,
        cookie_jar=aiohttp.DummyCookieJar(),
        timeout=aiohttp.ClientTimeout(total=None),
    )
