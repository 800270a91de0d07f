"""`/sip`: the WebSocket that SIP is spoken over (RFC 7118), between the HTTP server and the user agent.

What the user agent sends waits here until the browser takes it; one that takes nothing is given up.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Any, Protocol

import structlog
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from gateway.sip_sockets import SUBPROTOCOL, SocketRefusal, WebSocketConnection, WebSocketWriter

PATH = "/sip"
MAX_WAITING_BYTES = 256 * 1024
SEND_TIMEOUT_S = 30.0
TOO_MANY = 1013  # "try again later" (the registry of RFC 6455 section 11.7)

log = structlog.get_logger(__name__)


class SipSocketService(Protocol):
    """Who lets WebSockets in."""

    def refusal(
        self, *, origin: str | None, host: str, secure: bool, subprotocols: list[str]
    ) -> SocketRefusal | None: ...

    def accept(
        self, writer: WebSocketWriter, *, peer: tuple[str, int], local: tuple[str, int], secure: bool
    ) -> WebSocketConnection | None: ...


class _Outbox:
    """What is to be sent on one socket, in order."""

    def __init__(self) -> None:
        self._messages: deque[bytes] = deque()
        self._bytes = 0
        self._changed = asyncio.Event()
        self._closed = False

    def write(self, message: bytes) -> bool:
        """See `WebSocketWriter`."""
        if self._closed or self._bytes + len(message) > MAX_WAITING_BYTES:
            return False
        self._messages.append(message)
        self._bytes += len(message)
        self._changed.set()
        return True

    def close(self) -> None:
        """Nothing is taken any more; what waits is still sent."""
        self._closed = True
        self._changed.set()

    async def next(self) -> bytes | None:
        """The next message, or None at the end."""
        while not self._messages:
            if self._closed:
                return None
            self._changed.clear()
            await self._changed.wait()
        message = self._messages.popleft()
        self._bytes -= len(message)
        return message


def sip_route(sockets: SipSocketService) -> WebSocketRoute:
    """The route. It takes no API key: trunks decide about calls, by address and password."""

    async def connect(socket: WebSocket) -> None:
        headers = socket.headers
        secure = socket.url.scheme == "wss"
        refusal = sockets.refusal(
            origin=headers.get("origin"),
            host=headers.get("host", ""),
            secure=secure,
            subprotocols=list(socket.scope.get("subprotocols", ())),
        )
        if refusal is not None:
            if refusal is not SocketRefusal.OFF:
                log.warning("sip_socket_refused", reason=str(refusal), source=_address(socket)[0])
            await socket.close(1008)  # before it was accepted: 403
            return
        outbox = _Outbox()
        server: Any = socket.scope.get("server") or ("", 0)
        connection = sockets.accept(outbox, peer=_address(socket), local=tuple(server), secure=secure)
        await socket.accept(SUBPROTOCOL)
        if connection is None:
            await socket.close(TOO_MANY)
            return
        await _serve(socket, connection, outbox)

    return WebSocketRoute(PATH, connect, name="sip_socket")


def _address(socket: WebSocket) -> tuple[str, int]:
    return (socket.client.host, socket.client.port) if socket.client is not None else ("", 0)


async def _serve(socket: WebSocket, connection: WebSocketConnection, outbox: _Outbox) -> None:
    sending = asyncio.create_task(_send(socket, outbox))
    receiving = asyncio.create_task(_receive(socket, connection))
    try:
        await asyncio.wait({sending, receiving}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        connection.lost()
        for task in (sending, receiving):
            task.cancel()
        await asyncio.gather(sending, receiving, return_exceptions=True)


async def _send(socket: WebSocket, outbox: _Outbox) -> None:
    try:
        while (message := await outbox.next()) is not None:
            async with asyncio.timeout(SEND_TIMEOUT_S):
                try:
                    await socket.send_text(message.decode())
                except UnicodeDecodeError:
                    await socket.send_bytes(message)
        async with asyncio.timeout(SEND_TIMEOUT_S):
            await socket.close(1001)
    except (WebSocketDisconnect, RuntimeError, OSError, TimeoutError):
        return  # gone, or as good as gone


async def _receive(socket: WebSocket, connection: WebSocketConnection) -> None:
    while (message := await socket.receive())["type"] != "websocket.disconnect":
        text = message.get("text")
        connection.receive(text.encode() if text is not None else message["bytes"])
