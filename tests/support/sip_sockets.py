"""Peers on real loopback sockets that send and receive raw SIP bytes."""

from __future__ import annotations

import asyncio
import socket
from typing import Self

from sip.message import Request, Response
from sip.parser import parse_message

WAIT = 5.0
"""Seconds after which a test that waits for a message fails."""


class UdpPeer:
    """A UDP socket on a free loopback port."""

    def __init__(self, host: str = "127.0.0.1") -> None:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._socket = socket.socket(family, socket.SOCK_DGRAM)
        self._socket.setblocking(False)
        self._socket.bind((host, 0))
        self.host, self.port = self._socket.getsockname()[:2]

    def send(self, data: bytes | str | Request | Response, port: int) -> None:
        self._socket.sendto(as_bytes(data), (self.host, port))

    async def receive(self) -> bytes:
        async with asyncio.timeout(WAIT):
            return await asyncio.get_running_loop().sock_recv(self._socket, 65535)

    async def receive_message(self) -> Request | Response:
        return parse_message(await self.receive())

    def close(self) -> None:
        self._socket.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        self.close()


class TcpPeer:
    """One end of a TCP connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self.host, self.port = writer.get_extra_info("sockname")[:2]

    @classmethod
    async def connect(cls, port: int) -> Self:
        return cls(*await asyncio.open_connection("127.0.0.1", port))

    async def send(self, data: bytes | str | Request | Response) -> None:
        self._writer.write(as_bytes(data))
        await self._writer.drain()

    async def receive(self, size: int) -> bytes:
        async with asyncio.timeout(WAIT):
            return await self._reader.readexactly(size)

    async def receive_message(self) -> Request | Response:
        async with asyncio.timeout(WAIT):
            head = await self._reader.readuntil(b"\r\n\r\n")
            length = next(
                int(line[15:]) for line in head.split(b"\r\n") if line.startswith(b"Content-Length:")
            )
            return parse_message(head + await self._reader.readexactly(length))

    async def closed(self) -> bool:
        """Wait until the other side has closed; False when it sends something instead."""
        async with asyncio.timeout(WAIT):
            try:
                return await self._reader.read(1) == b""
            except ConnectionError:
                return True

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        self._writer.close()
        try:
            await self._writer.wait_closed()
        except ConnectionError:
            return


def as_bytes(data: bytes | str | Request | Response) -> bytes:
    if isinstance(data, Request | Response):
        return data.serialise()
    return data.encode() if isinstance(data, str) else data
