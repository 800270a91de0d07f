"""A web server that takes webhooks and answers as the test wants it to."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from aiohttp import web


@dataclass(frozen=True, slots=True)
class Received:
    """A request: what it said, and what it was answered with."""

    path: str
    headers: Mapping[str, str]
    body: bytes
    status: int

    @property
    def event_id(self) -> str:
        return self.headers["X-Truedy-Event-Id"]

    @property
    def json(self) -> dict[str, Any]:
        decoded: dict[str, Any] = json.loads(self.body)
        return decoded

    def signed_with(self, secret: str) -> bool:
        """By the documents alone: hex HMAC-SHA256 of `{timestamp}.{body}`, one of several with commas."""
        text = self.headers["X-Truedy-Timestamp"].encode() + b"." + self.body
        expected = hmac.new(secret.encode(), text, hashlib.sha256).hexdigest()
        return expected in self.headers["X-Truedy-Signature"].split(",")


Answer = web.Response | int


class WebhookReceiver:
    """`answer` chooses the status, or a whole response, for a request's body."""

    def __init__(self, answer: Callable[[dict[str, Any]], Answer] = lambda event: 200) -> None:
        self.answer = answer
        self.requests: list[Received] = []
        self.hold: asyncio.Event | None = None
        self._under_way = 0
        self.most_at_once = 0
        self._changed = asyncio.Condition()
        self._runner: web.AppRunner | None = None

    async def start(self) -> str:
        """The base URL."""
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._take)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        return f"http://127.0.0.1:{self._runner.addresses[0][1]}"

    async def stop(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()

    @property
    def taken(self) -> list[Received]:
        """The requests that were answered with success, in order."""
        return [request for request in self.requests if 200 <= request.status < 300]

    def names(self) -> list[str]:
        return [request.json["event"] for request in self.taken]

    async def wait_for(self, met: Callable[[], bool], timeout_s: float = 10.0) -> None:
        """Until `met` is true; it is asked after each request."""
        async with asyncio.timeout(timeout_s), self._changed:
            await self._changed.wait_for(met)

    async def _take(self, request: web.Request) -> web.Response:
        body = await request.read()
        self._under_way += 1
        self.most_at_once = max(self.most_at_once, self._under_way)
        try:
            if self.hold is not None:
                await self.hold.wait()
            answer = self.answer(json.loads(body))
        finally:
            self._under_way -= 1
        response = web.Response(status=answer) if isinstance(answer, int) else answer
        self.requests.append(Received(request.path, dict(request.headers), body, response.status))
        async with self._changed:
            self._changed.notify_all()
        return response
