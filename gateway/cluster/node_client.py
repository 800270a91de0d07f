"""Requests from node to node, over the API that customers use."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

import aiohttp

from gateway.cluster.call_owners import node_away
from store.cluster_records import NodeRecord

CONNECT_TIMEOUT_S = 2.0
ANSWER_TIMEOUT_S = 30.0  # fetching a file to play may take a while
CONNECTIONS_PER_NODE = 32
SOCKET_TIMEOUT_S = 5.0


class NodeClient:
    """Made on first use, since most gateways are alone."""

    def __init__(self) -> None:
        self._session: aiohttp.ClientSession | None = None
        self._sockets: aiohttp.ClientSession | None = None  # which last, and would take requests' places

    async def request(
        self,
        node: NodeRecord,
        method: str,
        target: str,
        headers: Mapping[str, str],
        body: bytes,
        *,
        endless: bool = False,
    ) -> aiohttp.ClientResponse:
        """The node's answer, whose body is not read yet; the caller releases it. `target` is path and query.

        Raises `UnavailableError` that names the node when it does not answer.
        """
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=0, limit_per_host=CONNECTIONS_PER_NODE),
                auto_decompress=False,
                cookie_jar=aiohttp.DummyCookieJar(),
            )
        timeout = aiohttp.ClientTimeout(
            total=None, sock_connect=CONNECT_TIMEOUT_S, sock_read=None if endless else ANSWER_TIMEOUT_S
        )
        try:
            return await self._session.request(
                method,
                f"{node.url}{target}",
                headers=headers,
                data=body or None,
                timeout=timeout,
                allow_redirects=False,
            )
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise node_away(node.id, f"does not answer: {error or type(error).__name__}") from error

    async def socket(
        self, node: NodeRecord, target: str, headers: Mapping[str, str]
    ) -> aiohttp.ClientWebSocketResponse:
        """A WebSocket to the node; the caller closes it. Raises `UnavailableError`."""
        if self._sockets is None:
            self._sockets = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=0), cookie_jar=aiohttp.DummyCookieJar()
            )
        try:
            async with asyncio.timeout(SOCKET_TIMEOUT_S):
                return await self._sockets.ws_connect(f"{node.url}{target}", headers=headers)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise node_away(node.id, f"does not answer: {error or type(error).__name__}") from error

    async def close(self) -> None:
        for session in (self._session, self._sockets):
            if session is not None:
                await session.close()
        self._session = self._sockets = None
