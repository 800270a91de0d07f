"""A WebSocket server that plays the engine's part of the `serverWebSocket` medium, as a test wants it."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from picows import WSFrame, WSListener, WSMsgType, WSTransport, WSUpgradeRequest, ws_create_server


class ServerConnection(WSListener):
    """What one client sent; `transport` to answer with."""

    def __init__(self, request: WSUpgradeRequest) -> None:
        self.request = request
        self.transport: WSTransport | None = None
        self.audio = bytearray()
        self.audio_frames: list[int] = []
        self.texts: list[bytes] = []
        self.close_code: int | None = None
        self.close_code_first = False
        self.answer_close = True
        self.closed = asyncio.Event()
        self.changed = asyncio.Event()

    def on_ws_connected(self, transport: WSTransport) -> None:
        self.transport = transport
        self.changed.set()

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        if frame.msg_type == WSMsgType.BINARY:
            self.audio += frame.get_payload_as_bytes()
            self.audio_frames.append(frame.payload_size)
        elif frame.msg_type == WSMsgType.TEXT:
            self.texts.append(frame.get_payload_as_bytes())
        elif frame.msg_type == WSMsgType.CLOSE:
            code: Any = frame.get_close_code()
            self.close_code = int(code)
            if self.answer_close:
                transport.send_close(frame.get_close_code())
                transport.disconnect()
        self.changed.set()

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        self.closed.set()
        self.changed.set()

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait until the condition holds, looking again after each thing received."""
        while not condition():
            self.changed.clear()
            await asyncio.wait_for(self.changed.wait(), 5)


class EngineServer:
    """Accepts every client; `connections` holds them in order."""

    def __init__(self, scheme: str, port: int, connections: list[ServerConnection]) -> None:
        self.url = f"{scheme}://127.0.0.1:{port}/calls/7d1f/server_web_socket?token=secret"
        self.port = port
        self.connections = connections


@asynccontextmanager
async def engine_server(
    on_connection: Callable[[ServerConnection], None] | None = None, tls: ssl.SSLContext | None = None
) -> AsyncIterator[EngineServer]:
    """Serve on a free port of the loopback; `on_connection` may prepare a connection before it stands."""
    connections: list[ServerConnection] = []

    def accept(request: WSUpgradeRequest) -> ServerConnection:
        connection = ServerConnection(request)
        connections.append(connection)
        if on_connection is not None:
            on_connection(connection)
        return connection

    server = await ws_create_server(accept, "127.0.0.1", 0, ssl=tls)
    try:
        yield EngineServer("wss" if tls else "ws", server.sockets[0].getsockname()[1], connections)
    finally:
        server.close()
        for connection in connections:
            if connection.transport is not None:
                connection.transport.disconnect(False)
        await server.wait_closed()
