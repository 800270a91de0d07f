from __future__ import annotations

import asyncio
import hashlib
import hmac
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import web

from gateway.precall import MAX_ANSWER_BYTES, PrecallAnswer, PrecallClient, PrecallError, read_answer
from store.identifiers import uuid7
from tests.store.samples import call

AGENT = uuid7()
CALL = call(uuid7(), phone_number="+14155550199", from_number="+14155550123", sip_call_id="abc")

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@asynccontextmanager
async def owner(handler: Handler, timeout_ms: int = 2_000) -> AsyncIterator[dict[str, Any]]:
    app = web.Application()
    app.router.add_post("/precall", handler)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    host, port = runner.addresses[0][:2]
    try:
        url = f"http://{host}:{port}/precall"
        yield {"url": url, "secret": "a-secret-of-16-ch", "timeout_ms": timeout_ms}
    finally:
        await runner.cleanup()


@asynccontextmanager
async def client(*, allow_private: bool = True) -> AsyncIterator[PrecallClient]:
    made = PrecallClient(allow_private=allow_private)
    try:
        yield made
    finally:
        await made.close()


async def test_the_question_is_signed_and_the_answer_is_taken() -> None:
    asked: list[tuple[Any, bool]] = []

    async def handler(request: web.Request) -> web.Response:
        body = await request.read()
        signed = request.headers["X-Truedy-Timestamp"].encode() + b"." + body
        expected = hmac.new(b"a-secret-of-16-ch", signed, hashlib.sha256).hexdigest()
        asked.append((await request.json(), request.headers["X-Truedy-Signature"] == expected))
        return web.json_response({"agent_id": AGENT, "variables": {"name": "Ana", "vip": True, "n": 3}})

    async with owner(handler) as webhook, client() as asking:
        answer = await asking.ask(webhook, CALL)
    assert answer == PrecallAnswer(AGENT, None, {"name": "Ana", "vip": "true", "n": "3"}, {})
    ((question, signed),) = asked
    assert signed
    assert question["event"] == "call.incoming"
    assert question["data"]["phone_number"] == "+14155550199"
    assert question["data"]["from_number"] == "+14155550123"
    assert question["data"]["call_id"] == CALL.id


async def test_a_failure_is_tried_once_more() -> None:
    statuses = [500, 200]
    ids: set[str] = set()

    async def handler(request: web.Request) -> web.Response:
        ids.add(request.headers["X-Truedy-Event-Id"])
        return web.json_response({"reject": {"sip_code": 486}}, status=statuses.pop(0))

    async with owner(handler) as webhook, client() as asking:
        assert (await asking.ask(webhook, CALL)).reject_code == 486
    assert statuses == []
    assert len(ids) == 1  # by which the owner knows the second question for the first


@pytest.mark.parametrize("status", [302, 404, 500])
async def test_two_failures_are_a_failure(status: int) -> None:
    times = 0

    async def handler(request: web.Request) -> web.Response:
        nonlocal times
        times += 1
        return web.Response(status=status, headers={"Location": "/elsewhere"})

    async with owner(handler) as webhook, client() as asking:
        with pytest.raises(PrecallError, match=str(status)):
            await asking.ask(webhook, CALL)
    assert times == 2


async def test_silence_ends_in_time() -> None:
    async def handler(request: web.Request) -> web.Response:
        await asyncio.sleep(60)
        return web.Response()

    async with owner(handler, timeout_ms=50) as webhook, client() as asking:
        with pytest.raises(PrecallError, match="in time"):
            await asking.ask(webhook, CALL)


async def test_private_addresses_are_not_asked() -> None:
    async def handler(request: web.Request) -> web.Response:
        raise AssertionError("nobody may come here")

    async with owner(handler) as webhook, client(allow_private=False) as asking:
        with pytest.raises(PrecallError, match="private"):
            await asking.ask(webhook, CALL)
        by_name = webhook | {"url": webhook["url"].replace("127.0.0.1", "localhost")}
        with pytest.raises(PrecallError):
            await asking.ask(by_name, CALL)


@pytest.mark.parametrize(
    "content",
    [
        b"<html>",
        b"[]",
        b'{"variables": {"a": {}}}',
        b'{"reject": {"sip_code": 200}}',
        b'{"reject": {"sip_code": 401}}',
        b'{"reject": {"code": 486}}',
        b'{"agent_id": "x"}',
        b'{"metadata": 3}',
        b"\xff",
        b" " * MAX_ANSWER_BYTES + b"{}",
    ],
)
def test_nonsense_is_no_answer(content: bytes) -> None:
    with pytest.raises(PrecallError):
        read_answer(content)


def test_an_empty_answer_agrees() -> None:
    assert read_answer(b"") == read_answer(b"{}") == PrecallAnswer()
    assert read_answer(b'{"reject": {}}').reject_code == 603
