"""HTTP tools: what the engine asks their owner, and what it makes of the answer."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from local_engine import http_tools
from tests.local_engine.engine_client import EngineClient

SCRIPT = (
    '[scenario:script] [{"tool": "look_up", "arguments": {"order": "4/2", "verbose": true, "note": "n"}},'
    ' {"wait": "tool"}, {"hang_up": true}]'
)


class Owner:
    """The tool's owner: keeps requests, answers as told."""

    def __init__(self) -> None:
        self.seen: list[dict[str, Any]] = []
        self.status = 200
        self.headers: dict[str, str] = {}
        self.pieces: list[bytes] = []
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._handle)
        self.server = TestServer(app)

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        body = await request.text()
        self.seen.append(
            {
                "method": request.method,
                "path": request.raw_path,
                "key": request.headers.get("X-Key"),
                "body": json.loads(body) if body else None,
            }
        )
        if self.pieces:
            response = web.StreamResponse()
            await response.prepare(request)
            for piece in self.pieces:
                await response.write(piece)
                await asyncio.sleep(0.02)  # as a network would part them
            return response
        return web.Response(text="shipped", status=self.status, headers=self.headers)

    def tool(self) -> dict[str, Any]:
        parameters = (("order", "PATH"), ("verbose", "QUERY"), ("note", "BODY"))
        definition = {
            "modelToolName": "look_up",
            "description": "d",
            "dynamicParameters": [
                {"name": name, "location": f"PARAMETER_LOCATION_{place}", "schema": {}, "required": True}
                for name, place in parameters
            ],
            "staticParameters": [
                {"name": "X-Key", "location": "PARAMETER_LOCATION_HEADER", "value": "secret"}
            ],
            "http": {
                "baseUrlPattern": str(self.server.make_url("/orders/")) + "{order}",
                "httpMethod": "POST",
            },
        }
        return {"temporaryTool": definition}


@pytest.fixture
async def owner() -> AsyncIterator[Owner]:
    made = Owner()
    await made.server.start_server()
    yield made
    await made.server.close()


async def result_of(client: EngineClient, owner: Owner) -> dict[str, Any]:
    """The result in the call's history, once the call is over."""
    call = await client.create("script", systemPrompt=SCRIPT, selectedTools=[owner.tool()])
    async with client.join(call) as socket:
        await socket.closed()
    _, messages = await client.request("GET", f"/api/calls/{call['callId']}/messages")
    (result,) = [each for each in messages["results"] if each["role"] == "MESSAGE_ROLE_TOOL_RESULT"]
    assert isinstance(result, dict)
    return result


async def test_parameters_go_where_the_definition_says(client: EngineClient, owner: Owner) -> None:
    result = await result_of(client, owner)
    assert result["text"] == "shipped"
    path = "/orders/4%2F2?verbose=true"
    assert owner.seen == [{"method": "POST", "path": path, "key": "secret", "body": {"note": "n"}}]


async def test_an_error_of_the_owner_is_a_failure_of_the_tool(client: EngineClient, owner: Owner) -> None:
    owner.status = 500
    assert "HTTP status 500" in (await result_of(client, owner))["errorDetails"]


async def test_the_owner_may_end_the_call(client: EngineClient, owner: Owner) -> None:
    owner.headers = {"X-Ultravox-Response-Type": "hang-up"}
    assert (await result_of(client, owner))["text"] == "shipped"


async def test_an_answer_in_several_pieces_is_whole(client: EngineClient, owner: Owner) -> None:
    owner.pieces = [b"ship", b"ped"]
    assert (await result_of(client, owner))["text"] == "shipped"


async def test_an_answer_beyond_the_limit_is_a_failure_of_the_tool(
    client: EngineClient, owner: Owner, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http_tools, "MAX_ANSWER_BYTES", 6)
    assert "more than 6 bytes" in (await result_of(client, owner))["errorDetails"]
