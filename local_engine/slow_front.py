"""A second door to the WebSocket port that opens late: for calls with the fault `slow_upgrade_ms`.

The connection is accepted at once; its first bytes are passed on only after the call's delay, and then
everything, both ways, as it comes.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable

_CALL_ID = re.compile(rb"GET /calls/([0-9a-zA-Z-]+)/")
MAX_HEADER = 16 * 1024
MAX_CONNECTIONS = 500
_CHUNK = 64 * 1024


class SlowFront:
    """Relays to `port` on `host` after `delay(call_id)` seconds."""

    def __init__(self, host: str, port: int, delay: Callable[[str], float]) -> None:
        self._host = host
        self._port = port
        self._delay = delay
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(self) -> int:
        """Listen on a port of its own and return it."""
        self._server = await asyncio.start_server(self._accept, self._host, 0, limit=MAX_HEADER)
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    async def close(self) -> None:
        """Close the door and all connections through it."""
        if self._server is not None:
            self._server.close()
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if len(self._tasks) >= MAX_CONNECTIONS:
            writer.close()
            return
        task = asyncio.get_running_loop().create_task(self._relay(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            match = _CALL_ID.match(head)
            await asyncio.sleep(self._delay(match[1].decode()) if match else 0.0)
            inner_reader, inner_writer = await asyncio.open_connection(self._host, self._port)
            inner_writer.write(head)
            try:
                await asyncio.gather(_copy(reader, inner_writer), _copy(inner_reader, writer))
            finally:
                inner_writer.close()
        except (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            # The client or the engine went away: nothing to relay any more.
            return
        finally:
            writer.close()


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(_CHUNK):
        writer.write(data)
        await writer.drain()
    if writer.can_write_eof():
        writer.write_eof()
