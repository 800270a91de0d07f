"""One listener over a real WebSocket, on a socket of the system's choice."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
from collections.abc import AsyncIterator

import pytest
import websockets
from starlette.applications import Starlette
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket

from control_api.listen_socket import serve_listener
from control_api.server import HttpServer
from gateway.listening import CallListeners
from media.messages import AudioHeard

TENTH = b"\1\0\2\0" * 1600  # 16 kHz, two channels


class Line:
    """A server that lets everybody listen to one call."""

    def __init__(self) -> None:
        self.listeners = CallListeners(lambda on: None)
        self.sequence = 0
        self.served = asyncio.Event()
        self.url = ""

    async def connect(self, connection: WebSocket) -> None:
        listener = self.listeners.add()
        try:
            await serve_listener(connection, listener)
        finally:
            self.listeners.remove(listener)
            self.served.set()

    def say(self, batches: int = 1) -> None:
        for _ in range(batches):
            self.sequence += 1
            self.listeners.heard(
                AudioHeard(leg_id="c1", sequence=self.sequence, sample_rate=16000, audio=TENTH)
            )


@pytest.fixture
async def line() -> AsyncIterator[Line]:
    made = Line()
    server = HttpServer(Starlette(routes=[WebSocketRoute("/listen", made.connect)]), "127.0.0.1", 0, 0.1)
    host, port = await server.start()
    made.url = f"ws://{host}:{port}/listen"
    yield made
    await server.stop()


async def test_a_listener_that_leaves_is_forgotten(line: Line) -> None:
    async with websockets.connect(line.url) as client:
        line.say()
        assert json.loads(await client.recv())["sample_rate"] == 16000
        assert await client.recv() == TENTH
        assert len(line.listeners) == 1
    await asyncio.wait_for(line.served.wait(), 5)
    assert len(line.listeners) == 0


async def test_what_a_listener_says_is_not_looked_at_and_too_much_ends_it(line: Line) -> None:
    async with websockets.connect(line.url) as client:
        await client.send("hello?")
        line.say()
        assert json.loads(await client.recv())["type"] == "hello"
        await client.send(b"x" * 70_000)
        with contextlib.suppress(websockets.ConnectionClosed):
            while True:
                await asyncio.wait_for(client.recv(), 5)
        assert client.close_code == 1009


async def test_little_waits_for_a_listener_that_does_not_read(line: Line) -> None:
    """What lies in buffers is late: it must be seconds, not minutes."""
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    sock.setblocking(False)
    host, _, port = line.url.removeprefix("ws://").removesuffix("/listen").rpartition(":")
    await asyncio.get_running_loop().sock_connect(sock, (host, int(port)))
    async with websockets.connect(line.url, sock=sock, max_queue=1) as client:
        line.say()
        await client.recv()
        for _ in range(600):  # a minute
            line.say()
            await asyncio.sleep(0)
        heard = 0
        while True:
            message = await asyncio.wait_for(client.recv(), 5)
            if isinstance(message, str):
                notice = json.loads(message)
                break
            heard += 1
        assert heard < 150
        assert notice["type"] == "dropped"
        assert notice["milliseconds"] > 30_000
