from __future__ import annotations

import asyncio
import socket

from uvicorn.config import Config
from uvicorn.server import ServerState

from control_api.socket_protocol import BUFFER_BYTES, SocketProtocol


async def test_a_connection_has_small_buffers() -> None:
    ours, theirs = socket.socketpair()
    with theirs:
        config = Config(lambda scope: None, lifespan="off", log_config=None)
        config.load()
        transport, _ = await asyncio.get_running_loop().connect_accepted_socket(
            lambda: SocketProtocol(config, ServerState(), {}), ours
        )
        assert transport.get_write_buffer_limits()[1] == BUFFER_BYTES
        kernel = transport.get_extra_info("socket").getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF)
        assert kernel <= 2 * BUFFER_BYTES
        transport.abort()
        await asyncio.sleep(0)
