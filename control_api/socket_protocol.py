"""The server's side of WebSocket connections: uvicorn's, with small buffers.

What waits in the kernel is audio that is late for whoever gets it. With the system's buffers, which grow to
megabytes, a listener that reads slowly would hear a minute ago.
"""

from __future__ import annotations

import asyncio
import socket
from typing import cast

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

# A second of wideband stereo audio; Linux doubles the kernel's.
BUFFER_BYTES = 64 * 1024


class SocketProtocol(WebSocketsSansIOProtocol):
    """One WebSocket connection."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        connection: socket.socket | None = transport.get_extra_info("socket")
        if connection is not None:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, BUFFER_BYTES)
        cast("asyncio.WriteTransport", transport).set_write_buffer_limits(high=BUFFER_BYTES)
        super().connection_made(transport)
