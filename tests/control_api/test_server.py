from __future__ import annotations

import asyncio
import signal
import socket

import httpx
import pytest
from starlette.types import Receive, Scope, Send

from control_api.server import HttpServer


class Slow:
    """Answers when it is allowed to."""

    def __init__(self) -> None:
        self.entered = asyncio.Event()
        self.allowed = asyncio.Event()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.entered.set()
        await self.allowed.wait()
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body", "body": b""})


async def fetch(host: str, port: int) -> int:
    async with httpx.AsyncClient() as client:
        return (await client.get(f"http://{host}:{port}/")).status_code


async def test_port_zero_is_a_free_port_and_the_address_is_returned() -> None:
    app = Slow()
    app.allowed.set()
    server = HttpServer(app, "127.0.0.1", 0)
    host, port = await server.start()
    try:
        assert host == "127.0.0.1"
        assert port > 0
        assert await fetch(host, port) == 204
    finally:
        await server.stop()
    with pytest.raises(httpx.ConnectError):
        await fetch(host, port)


async def test_stopping_lets_a_request_in_progress_finish() -> None:
    app = Slow()
    server = HttpServer(app, "127.0.0.1", 0)
    request = asyncio.create_task(fetch(*await server.start()))
    await app.entered.wait()
    stopping = asyncio.create_task(server.stop())
    await asyncio.sleep(0)
    app.allowed.set()
    assert await request == 204
    await stopping


async def test_an_address_in_use_is_an_os_error_and_nothing_is_left() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        server = HttpServer(Slow(), "127.0.0.1", taken.getsockname()[1])
        with pytest.raises(OSError, match="in use"):
            await server.start()
        await server.stop()


async def test_signal_handlers_stay_the_gateways_own() -> None:
    def ours(*_: object) -> None:
        raise AssertionError("nobody sent a signal")

    before = signal.signal(signal.SIGTERM, ours)
    server = HttpServer(Slow(), "127.0.0.1", 0)
    try:
        await server.start()
        assert signal.getsignal(signal.SIGTERM) is ours
        await server.stop()
        assert signal.getsignal(signal.SIGTERM) is ours
    finally:
        signal.signal(signal.SIGTERM, before)


async def test_stopping_twice_or_before_the_start_is_harmless() -> None:
    server = HttpServer(Slow(), "127.0.0.1", 0)
    await server.stop()
    await server.start()
    await server.stop()
    await server.stop()


class WhoAsks:
    """Answers with the client's address and the scheme."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        text = f"{scope['scheme']} {scope['client'][0]}".encode()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": text})


@pytest.mark.parametrize(
    ("trusted", "seen"), [((), "http 127.0.0.1"), (("127.0.0.0/8",), "https 203.0.113.9")]
)
async def test_only_a_trusted_proxy_is_believed(trusted: tuple[str, ...], seen: str) -> None:
    server = HttpServer(WhoAsks(), "127.0.0.1", 0, trusted_proxies=trusted)
    host, port = await server.start()
    try:
        headers = {"X-Forwarded-For": "203.0.113.9", "X-Forwarded-Proto": "https"}
        async with httpx.AsyncClient() as client:
            assert (await client.get(f"http://{host}:{port}/", headers=headers)).text == seen
    finally:
        await server.stop()
