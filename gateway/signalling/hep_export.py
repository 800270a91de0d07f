"""Tells a collector such as Homer of every SIP message, in HEP3 over UDP or TCP.

The signalling path only puts a message into a queue. A collector that is away or slow costs messages, which
are counted, and nothing else: the queue is bounded, and what is oldest in it goes first.
"""

from __future__ import annotations

import asyncio
import socket
from collections import deque

import structlog

from gateway.background_task import BackgroundTask
from gateway.signalling.hep import hep3
from gateway.signalling.trace_ring import TracedMessage

log = structlog.get_logger(__name__)

QUEUE_LIMIT = 10_000
AT_ONCE = 32  # then the loop gets its turn
RETRY_S = (1.0, 2.0, 5.0, 10.0, 30.0)
CONNECT_TIMEOUT_S = 5.0
WRITE_TIMEOUT_S = 5.0


class HepExport(BackgroundTask):
    """One collector."""

    def __init__(
        self,
        transport: str,
        host: str,
        port: int,
        *,
        capture_id: int,
        password: str | None = None,
        queue_limit: int = QUEUE_LIMIT,
        retry_s: tuple[float, ...] = RETRY_S,
    ) -> None:
        """`transport` is "udp" or "tcp"."""
        super().__init__("hep-export")
        self._transport = transport
        self._collector = (host, port)
        self._capture_id = capture_id
        self._password = password
        self._queue: deque[tuple[str, TracedMessage]] = deque()
        self._limit = queue_limit
        self._retry_s = retry_s
        self._news = asyncio.Event()
        self.sent = 0
        self.dropped = 0

    @property
    def waiting(self) -> int:
        return len(self._queue)

    def add(self, sip_call_id: str, message: TracedMessage) -> None:
        """Have the collector told."""
        if len(self._queue) >= self._limit:
            self._queue.popleft()
            self.dropped += 1
        self._queue.append((sip_call_id, message))
        self._news.set()

    async def _run(self) -> None:
        failures = 0
        while True:
            try:
                if self._transport == "udp":
                    await self._over_udp()
                else:
                    await self._over_tcp()
            except (OSError, TimeoutError) as error:
                if not failures:
                    log.warning(
                        "hep_collector_away",
                        collector=f"{self._collector[0]}:{self._collector[1]}",
                        error=str(error) or type(error).__name__,
                    )
                pause = self._retry_s[min(failures, len(self._retry_s) - 1)]
                failures += 1
                await asyncio.sleep(pause)
            else:
                failures = 0

    async def _batch(self) -> list[bytes]:
        while not self._queue:
            self._news.clear()
            await self._news.wait()
        return [self._packet(*self._queue.popleft()) for _ in range(min(AT_ONCE, len(self._queue)))]

    def _packet(self, sip_call_id: str, message: TracedMessage) -> bytes:
        return hep3(message, sip_call_id, self._capture_id, self._password)

    async def _over_udp(self) -> None:
        """Until an error; a datagram that nobody takes is lost without one."""
        loop = asyncio.get_running_loop()
        found = await loop.getaddrinfo(*self._collector, type=socket.SOCK_DGRAM)
        family, _, _, _, address = found[0]
        with socket.socket(family, socket.SOCK_DGRAM) as out:
            out.setblocking(False)
            out.connect(address)
            while True:
                packets = await self._batch()
                for packet in packets:
                    try:
                        out.send(packet)
                    except OSError:  # refused by ICMP, too long, or the socket is full
                        self.dropped += 1
                    else:
                        self.sent += 1
                await asyncio.sleep(0)

    async def _over_tcp(self) -> None:
        """Until the connection ends."""
        async with asyncio.timeout(CONNECT_TIMEOUT_S):
            reader, writer = await asyncio.open_connection(*self._collector)
        # The collector says nothing: the end of its stream is that of the connection.
        gone = asyncio.create_task(reader.read(1))
        try:
            while True:
                waiting = asyncio.create_task(self._batch())
                try:
                    await asyncio.wait((waiting, gone), return_when=asyncio.FIRST_COMPLETED)
                except asyncio.CancelledError:
                    waiting.cancel()
                    raise
                if not waiting.done():
                    waiting.cancel()
                    raise ConnectionResetError("the collector has closed the connection")
                packets = waiting.result()
                try:
                    writer.write(b"".join(packets))
                    async with asyncio.timeout(WRITE_TIMEOUT_S):
                        await writer.drain()
                except (OSError, TimeoutError):
                    self.dropped += len(packets)
                    raise
                self.sent += len(packets)
        finally:
            gone.cancel()
            await asyncio.gather(gone, return_exceptions=True)
            writer.close()
