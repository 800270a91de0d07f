"""Delivery of call events to a real listener."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import pytest
from aiohttp import web

from local_engine.webhooks import signature_headers
from tests.local_engine.engine_client import EngineClient


class Listener:
    """Takes what is posted; answers with the statuses given, then 204."""

    def __init__(self) -> None:
        self.url = ""
        self.answers: list[int] = []
        self.posts: list[tuple[dict[str, str], bytes]] = []
        self._changed = asyncio.Event()

    async def handle(self, request: web.Request) -> web.Response:
        self.posts.append((dict(request.headers), await request.read()))
        self._changed.set()
        return web.Response(status=self.answers.pop(0) if self.answers else 204)

    async def until(self, count: int) -> list[dict[str, Any]]:
        async with asyncio.timeout(5):
            while len(self.posts) < count:
                self._changed.clear()
                await self._changed.wait()
        return [json.loads(body) for _, body in self.posts]


@pytest.fixture
async def listener() -> AsyncIterator[Listener]:
    made = Listener()
    app = web.Application()
    app.router.add_post("/hook", made.handle)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    made.url = f"http://127.0.0.1:{runner.addresses[0][1]}/hook"
    yield made
    await runner.cleanup()


def test_the_signature_covers_body_and_timestamp_once_per_secret() -> None:
    headers = signature_headers(b'{"a":1}', "2026-01-05T10:00:00.000000Z", ("one", "two"))
    expected = [
        hmac.new(secret, b'{"a":1}2026-01-05T10:00:00.000000Z', hashlib.sha256).hexdigest()
        for secret in (b"one", b"two")
    ]
    assert headers["X-Ultravox-Webhook-Signature"].split(",") == expected


async def test_a_webhook_is_told_of_the_whole_call_with_a_valid_signature(
    client: EngineClient, listener: Listener
) -> None:
    events = ["call.started", "call.joined", "call.ended", "call.billed"]
    await client.request(
        "POST", "/api/webhooks", {"url": listener.url, "events": events, "secrets": ["s3cret"]}
    )
    call = await client.create("echo")
    async with client.join(call):
        pass
    told = await listener.until(4)
    assert sorted(each["event"] for each in told) == sorted(events)
    ended = next(each["call"] for each in told if each["event"] == "call.ended")
    assert (ended["callId"], ended["endReason"]) == (call["callId"], "hangup")
    headers, body = listener.posts[0]
    stamp = headers["X-Ultravox-Webhook-Timestamp"]
    good = hmac.new(b"s3cret", body + stamp.encode(), hashlib.sha256).hexdigest()
    assert headers["X-Ultravox-Webhook-Signature"] == good
    age = datetime.now(UTC) - datetime.fromisoformat(stamp.replace("Z", "+00:00"))
    assert age.total_seconds() < 60


async def test_a_calls_own_callbacks_are_told(client: EngineClient, listener: Listener) -> None:
    callback = {"url": listener.url, "secrets": ["s3cret"]}
    call = await client.create("echo", callbacks={"ended": callback})
    assert call["callbacks"] == {"ended": {"url": listener.url}}
    async with client.join(call):
        pass
    (told,) = await listener.until(1)
    assert told["event"] == "call.ended"


async def test_a_failed_delivery_is_tried_again_and_noted(client: EngineClient, listener: Listener) -> None:
    listener.answers = [500, 302, 204]
    _, hook = await client.request("POST", "/api/webhooks", {"url": listener.url, "events": ["call.started"]})
    await client.create("echo")
    told = await listener.until(3)
    assert told[0] == told[1] == told[2]
    _, seen = await client.request("GET", f"/api/webhooks/{hook['webhookId']}")
    assert [each["failure"] for each in seen["recentFailures"]] == ["HTTP 500", "HTTP 302"]


async def test_a_webhook_of_another_agent_is_not_told(client: EngineClient, listener: Listener) -> None:
    _, agent = await client.request("POST", "/api/agents", {"name": "a"})
    hook = {"url": listener.url, "events": ["call.started"], "agentId": agent["agentId"]}
    await client.request("POST", "/api/webhooks", hook)
    await client.create("echo")
    socket = {"serverWebSocket": {"inputSampleRate": 8000}}
    _, own = await client.request("POST", f"/api/agents/{agent['agentId']}/calls", {"medium": socket})
    (told,) = await listener.until(1)
    assert told["call"]["callId"] == own["callId"]
