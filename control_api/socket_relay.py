"""A WebSocket about a call on another node: what either side says is passed on, until one of them ends."""

from __future__ import annotations

import asyncio
from typing import Protocol

import aiohttp
from starlette.websockets import WebSocket, WebSocketDisconnect

from control_api.forwarding import FORWARDED_BY, CallOwners
from gateway.cluster.call_owners import node_away
from store.cluster_records import NodeRecord

SEND_TIMEOUT_S = 30.0
# What a client that leaves says (RFC 6455 section 7.4.1) is passed on; what is no more than a broken
# connection is told as such, since the node of the call tells the two apart.
SENDABLE = (1000, 1001)
BROKEN = 1011


class NodeSockets(Protocol):
    """Opens sockets to other nodes (`gateway.cluster.node_client`)."""

    async def socket(
        self, node: NodeRecord, target: str, headers: dict[str, str], /
    ) -> aiohttp.ClientWebSocketResponse: ...


class SocketRelay:
    """Finds the node of a call and stands between it and the client."""

    def __init__(self, owners: CallOwners, nodes: NodeSockets) -> None:
        self._owners = owners
        self._nodes = nodes

    async def relay(self, socket: WebSocket, call_id: str) -> bool:
        """False when the call is here, over or unknown. The socket has been accepted; it is closed
        afterwards as the other node has closed it. Raises `UnavailableError` when that is away.
        """
        node = await self._owners.elsewhere_by_id(call_id)
        if node is None:
            return False
        if FORWARDED_BY in socket.headers:
            raise node_away(node.id, "was not the one that was asked")
        headers = {FORWARDED_BY: self._owners.node_id}
        if socket.client is not None:
            headers["X-Forwarded-For"] = socket.client.host
        beyond = await self._nodes.socket(node, socket.url.path, headers)
        outward = asyncio.create_task(_outward(socket, beyond))
        inward = asyncio.create_task(_inward(socket, beyond))
        code = None
        try:
            await asyncio.wait({outward, inward}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (outward, inward):
                task.cancel()
            await asyncio.gather(outward, inward, return_exceptions=True)
            if not inward.cancelled() and inward.exception() is None:
                code = inward.result()
            await beyond.close(code=code if code in SENDABLE else BROKEN)
        return True


async def _outward(socket: WebSocket, beyond: aiohttp.ClientWebSocketResponse) -> None:
    """From the other node to the client."""
    try:
        async for message in beyond:
            if message.type is aiohttp.WSMsgType.TEXT:
                async with asyncio.timeout(SEND_TIMEOUT_S):
                    await socket.send_text(message.data)
        await socket.close(beyond.close_code or 1011)
    except (WebSocketDisconnect, RuntimeError, OSError, TimeoutError):
        return


async def _inward(socket: WebSocket, beyond: aiohttp.ClientWebSocketResponse) -> int | None:
    """From the client to the other node, until the client closes: the code it gave, None when it broke."""
    try:
        while (received := await socket.receive())["type"] != "websocket.disconnect":
            async with asyncio.timeout(SEND_TIMEOUT_S):
                await beyond.send_str(received.get("text") or "")
    except (RuntimeError, OSError, TimeoutError, aiohttp.ClientError):
        return None
    code: int | None = received.get("code")
    return code
