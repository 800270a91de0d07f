from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator

import httpx
import pytest
from prometheus_client import CollectorRegistry
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from control_api.errors import response_for
from control_api.middleware import EdgeMiddleware, HttpMetrics, new_request_id


class Edge:
    """An application of one handler behind the middleware."""

    def __init__(self, **settings: int) -> None:
        self.registry = CollectorRegistry()
        self.bodies: list[bytes] = []
        self.gate = asyncio.Event()
        self.gate.set()
        self.waiting = asyncio.Event()
        self.crash: Exception | None = None
        self.app: ASGIApp = EdgeMiddleware(self._handle, HttpMetrics(self.registry), **settings)

    async def _handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        try:
            self.bodies.append(await request.body())
            self.waiting.set()
            await self.gate.wait()
            if self.crash is not None:
                raise self.crash
            response: Response = PlainTextResponse("fine")
        except Exception as error:
            rendered = response_for(scope, error)
            if rendered is None:
                raise
            response = rendered
        await response(scope, receive, send)

    def client(self) -> httpx.AsyncClient:
        return httpx.AsyncClient(transport=httpx.ASGITransport(self.app), base_url="http://gateway")

    def sample(self, name: str, **labels: str) -> float | None:
        return self.registry.get_sample_value(name, labels)


async def test_each_request_gets_an_id_of_its_own() -> None:
    async with Edge().client() as client:
        ids = {(await client.get("/")).headers["x-request-id"] for _ in range(3)}
    assert len(ids) == 3
    assert all(uuid.UUID(each).version == 4 for each in ids)


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        (b"F98EB11F-9f34-4d13-9075-0e29f106f37d", "f98eb11f-9f34-4d13-9075-0e29f106f37d"),
        (b"f98eb11f9f344d1390750e29f106f37d", "f98eb11f-9f34-4d13-9075-0e29f106f37d"),
    ],
)
def test_a_clients_own_uuid_is_kept(given: bytes, kept: str) -> None:
    assert new_request_id(given) == kept


@pytest.mark.parametrize("given", [b"", b"abc", b"x" * 36, b"a\r\nb", b"\xff" * 36, b"1" * 4000])
def test_anything_else_is_replaced(given: bytes) -> None:
    assert uuid.UUID(new_request_id(given)).version == 4


async def test_a_body_announced_too_large_is_refused_unread() -> None:
    edge = Edge(max_body_bytes=10)
    async with edge.client() as client:
        response = await client.post("/", content=b"x" * 11)
        assert (await client.post("/", content=b"x" * 10)).status_code == 200
    assert response.status_code == 413
    assert response.json()["error"]["code"] == "payload_too_large"
    assert edge.bodies == [b"x" * 10]


async def test_a_body_that_turns_out_too_large_is_refused() -> None:
    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(3):
            yield b"x" * 5

    edge = Edge(max_body_bytes=10)
    async with edge.client() as client:
        response = await client.post("/", content=chunks())
    assert response.status_code == 413
    assert edge.bodies == []


async def test_a_crash_is_a_500_that_tells_nothing_but_the_request_id() -> None:
    edge = Edge()
    edge.crash = RuntimeError("the password is hunter2")
    async with edge.client() as client:
        response = await client.get("/")
    body = response.json()
    assert response.status_code == 500
    assert body["error"]["code"] == "internal_error"
    assert body["meta"]["request_id"] == response.headers["x-request-id"]
    assert "hunter2" not in response.text


async def test_too_many_requests_at_once_are_refused_and_the_others_finish() -> None:
    edge = Edge(max_requests_at_once=1)
    edge.gate.clear()
    async with edge.client() as client:
        first = asyncio.create_task(client.get("/"))
        await edge.waiting.wait()
        refused = await client.get("/")
        edge.gate.set()
        assert (await first).status_code == 200
        assert (await client.get("/")).status_code == 200
    assert refused.status_code == 503
    assert refused.headers["retry-after"] == "1"
    assert edge.sample("trunkline_http_requests_refused_total") == 1
    assert edge.sample("trunkline_http_requests_in_progress") == 0


async def test_requests_are_counted_without_labels_that_a_client_can_make_up() -> None:
    edge = Edge()
    async with edge.client() as client:
        for number in range(5):
            await client.request(f"METHOD{number}", f"/path/{number}")
    assert edge.sample("trunkline_http_requests_total", method="other", route="unmatched", status="200") == 5
    assert edge.sample("trunkline_http_request_seconds_count", route="unmatched") == 5


async def test_a_client_that_goes_away_is_not_a_crash() -> None:
    edge = Edge()
    sent: list[object] = []

    async def receive() -> dict[str, str]:
        return {"type": "http.disconnect"}

    async def send(message: object) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "POST", "path": "/", "headers": [(b"content-length", b"5")]}
    await edge.app(scope, receive, send)
    assert sent == []
    assert edge.sample("trunkline_http_requests_total", method="POST", route="unmatched", status="499") == 1


async def test_a_client_that_goes_away_before_its_answer_is_not_a_crash() -> None:
    edge = Edge()

    async def receive() -> dict[str, object]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: object) -> None:
        raise RuntimeError("the transport is closed")

    scope = {"type": "http", "method": "GET", "path": "/", "headers": []}
    await edge.app(scope, receive, send)
    assert edge.sample("trunkline_http_requests_in_progress") == 0
