"""Sound files from the web, to be played to a call: fetched into a file, within limits.

The address comes from a client: `gateway.public_address` says where it may lead, and redirects are refused.
"""

from __future__ import annotations

import asyncio
import os
import secrets
from dataclasses import dataclass
from pathlib import Path

import aiohttp

from gateway.errors import InvalidRequestError
from gateway.public_address import PrivateAddressError, PublicResolver, url_problem

PIECE_BYTES = 65_536
AT_ONCE = 8


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
        problem = url_problem(url, allow_private=self._limits.allow_private)
        if problem is not None:
            raise InvalidRequestError(problem, field="url")

    async def fetch(self, url: str) -> Path:
        """The file behind `url`. Raises `AudioFetchError`."""
        problem = url_problem(url, allow_private=self._limits.allow_private)
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


def _cause(error: BaseException) -> str:
    """The words of an error without addresses of our network."""
    if isinstance(error, aiohttp.ClientConnectorError) and isinstance(error.os_error, PrivateAddressError):
        return str(error.os_error)
    if isinstance(error, OSError) and error.errno:
        return os.strerror(error.errno)
    return "the connection failed"
