"""Sound files from the web, to be played to a call: fetched into a file, within limits.

The address comes from a client, so it must not become a way into our own network (server-side request
forgery): only http and https, no redirects, no credentials, and only public addresses, checked on what the
name resolves to and then connected to, so that a name which changes its mind in between does not help.
"""

from __future__ import annotations

import asyncio
import ipaddress
import os
import secrets
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

from gateway.errors import InvalidRequestError

PIECE_BYTES = 65_536
AT_ONCE = 8
MAX_URL_LENGTH = 2_048


class AudioFetchError(Exception):
    """The file could not be had: the text says why."""


@dataclass(frozen=True, slots=True)
class FetchLimits:
    max_bytes: int = 20 * 1024 * 1024
    timeout_s: float = 15.0
    allow_private: bool = False


class AudioFetcher:
    """Fetches files into `directory`; whoever gets one removes it."""

    def __init__(self, directory: Path, limits: FetchLimits) -> None:
        self._directory = directory
        self._limits = limits
        self._places = asyncio.Semaphore(AT_ONCE)

    def check(self, url: str) -> None:
        """Refuse at once what can never be fetched. Raises `InvalidRequestError` that names `url`."""
        problem = _problem(url, allow_private=self._limits.allow_private)
        if problem is not None:
            raise InvalidRequestError(problem, field="url")

    async def fetch(self, url: str) -> Path:
        """The file behind `url`. Raises `AudioFetchError`."""
        problem = _problem(url, allow_private=self._limits.allow_private)
        if problem is not None:
            raise AudioFetchError(problem)
        self._directory.mkdir(parents=True, exist_ok=True)
        path = self._directory / secrets.token_hex(16)
        try:
            async with asyncio.timeout(self._limits.timeout_s), self._places:
                await self._download(url, path)
        except BaseException as error:
            path.unlink(missing_ok=True)
            if isinstance(error, TimeoutError):
                raise AudioFetchError(f"not here within {self._limits.timeout_s:g} s") from error
            # UnicodeError: a name that cannot be one, with an empty or too long label.
            if isinstance(error, aiohttp.ClientError | OSError | UnicodeError):
                raise AudioFetchError(f"{type(error).__name__}: {_cause(error)}") from error
            raise
        return path

    async def _download(self, url: str, path: Path) -> None:
        resolver = PublicResolver(allow_private=self._limits.allow_private)
        connector = aiohttp.TCPConnector(resolver=resolver, force_close=True)
        # No environment: a proxy of ours would resolve names by itself.
        async with (
            aiohttp.ClientSession(connector=connector, trust_env=False, auto_decompress=False) as session,
            session.get(url, allow_redirects=False, headers={"Accept": "audio/*"}) as response,
        ):
            if response.status != 200:
                raise AudioFetchError(
                    f"answered with {response.status}; 200 is needed, redirects too are refused"
                )
            loop = asyncio.get_running_loop()
            received = 0
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            try:
                async for piece in response.content.iter_chunked(PIECE_BYTES):
                    received += len(piece)
                    if received > self._limits.max_bytes:
                        raise AudioFetchError(f"larger than {self._limits.max_bytes} bytes")
                    await loop.run_in_executor(None, os.write, descriptor, piece)
            finally:
                os.close(descriptor)


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
                raise AudioFetchError("the host has a private address")
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
    return bool(address.is_global and not address.is_multicast)


_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")


def _problem(url: str, *, allow_private: bool) -> str | None:
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


def _cause(error: BaseException) -> str:
    """The words of an error without addresses of our network."""
    if isinstance(error, OSError) and error.errno:
        return os.strerror(error.errno)
    return "the connection failed"
