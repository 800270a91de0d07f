"""The WebSocket of a browser's page."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import pytest
from websockets.asyncio.client import ClientConnection, connect

from control_api.server import HttpServer
from gateway.browser_calls.page_feed import PAGES
from media import messages as m
from store.identifiers import uuid7
from store.records import CallStatus
from tests.control_api.api import World
from tests.gateway.browser_calls.scene import BrowserScene
from tests.gateway.doubles import until


class Scene:
    """A browser's call in progress behind a real server."""

    def __init__(self, world: World, address: tuple[str, int]) -> None:
        self.world = world
        self.browser: BrowserScene = world.gateway.browser
        self.address = address

    async def begin(self) -> None:
        self.ticket = await self.browser.ticket(await self.world.agent())
        self.joined, self.session = await self.browser.in_progress(self.ticket)

    @asynccontextmanager
    async def page(self, secret: str | None = None) -> AsyncIterator[ClientConnection]:
        host, port = self.address
        path = f"/api/public/v1/webrtc/sessions/{secret or self.joined.secret}/socket"
        async with connect(f"ws://{host}:{port}{path}", proxy=None) as socket:
            yield socket


async def read(socket: ClientConnection) -> Any:
    return msgspec.json.decode(await asyncio.wait_for(socket.recv(), 5))


async def close_code(socket: ClientConnection) -> int:
    await asyncio.wait_for(socket.wait_closed(), 5)
    assert socket.close_code is not None
    return socket.close_code


@pytest.fixture
async def scene(world: World) -> AsyncIterator[Scene]:
    server = HttpServer(world.app, "127.0.0.1", 0)
    scene = Scene(world, await server.start())
    await scene.begin()
    yield scene
    scene.session.shut_down()
    await scene.browser.over()
    await server.stop()


async def test_a_page_sees_its_call_to_the_end(scene: Scene) -> None:
    async with scene.page() as socket:
        assert await read(socket) == {"type": "state", "state": "listening"}
        leg_id = scene.ticket.record.id
        said = m.TranscriptReceived(leg_id=leg_id, role="agent", ordinal=0, final=True, text="Hello")
        scene.browser.tell(scene.ticket, said)
        assert await read(socket) == {
            "type": "transcript",
            "speaker": "agent",
            "text": "Hello",
            "isFinal": True,
            "ordinal": 0,
        }
        scene.session.hang_up()
        assert await read(socket) == {"type": "state", "state": "ended", "reason": "api-hangup"}
        assert await close_code(socket) == 1000


async def test_a_page_that_comes_back_sees_how_things_stand(scene: Scene) -> None:
    async with scene.page() as socket:
        await read(socket)
    leg_id = scene.ticket.record.id
    said = m.TranscriptReceived(leg_id=leg_id, role="user", ordinal=0, final=True, text="Is it there?")
    scene.browser.tell(scene.ticket, said)
    async with scene.page() as socket:
        assert (await read(socket))["type"] == "state"
        assert (await read(socket))["text"] == "Is it there?"


@pytest.mark.parametrize(("code", "goes_on"), [(1000, False), (1001, False), (3000, True), (None, True)])
async def test_only_a_page_that_says_so_has_left(scene: Scene, code: int | None, goes_on: bool) -> None:
    """None: the connection breaks, as when the network changes."""
    async with scene.page() as socket:
        await read(socket)
        if code is None:
            socket.transport.abort()
        else:
            await socket.close(code)
    await until(lambda: not scene.session._feed._pages)
    lost = m.MediaTimedOut(leg_id=scene.ticket.record.id, kind="mid-call", silent_ms=6000)
    scene.browser.tell(scene.ticket, lost)
    await asyncio.sleep(0)
    assert scene.session.over is not goes_on


async def test_a_page_writes_presses_and_hangs_up(scene: Scene) -> None:
    async with scene.page() as socket:
        await read(socket)
        await socket.send('{"type": "text", "text": "My order is 7"}')
        sent = scene.browser.plane.sent
        await until(lambda: sent(m.SendEngineMessage))
        assert sent(m.SendEngineMessage)[0].message["text"] == "My order is 7"
        await socket.send('{"type": "dtmf", "digits": "1#"}')
        await until(lambda: len(sent(m.SendEngineMessage)) == 2)
        await socket.send('{"type": "hangup"}')
        assert (await read(socket))["reason"] == "contact-hangup"


@pytest.mark.parametrize("message", ["nonsense", '{"type": "state"}', b"\x00\x01"])
async def test_what_a_page_may_not_say_is_refused_and_the_call_goes_on(
    scene: Scene, message: str | bytes
) -> None:
    async with scene.page() as socket:
        await read(socket)
        await socket.send(message)
        assert (await read(socket))["type"] == "error"
    assert scene.session.call.status is CallStatus.IN_PROGRESS


async def test_a_flood_is_refused(scene: Scene) -> None:
    async with scene.page() as socket:
        await read(socket)
        for _ in range(100):
            await socket.send('{"type": "x"}')
        codes = [(await read(socket))["code"] for _ in range(100)]
    assert codes[0] == "validation_error"
    assert codes[-1] == "rate_limited"


async def test_strangers_and_crowds_are_told_why(scene: Scene) -> None:
    for secret in (f"{uuid7()}.x", scene.ticket.token):
        async with scene.page(secret) as socket:
            assert await close_code(socket) == 4404
    pages = [scene.session.attach_page() for _ in range(PAGES)]
    async with scene.page() as socket:
        assert await close_code(socket) == 1013
    for page in pages:
        scene.session.detach_page(page)
