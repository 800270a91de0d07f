"""Client tools: what is sent, what is taken, and where we do not go."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from gateway.client_tools import ClientToolError, ClientTools, placed
from gateway.configuration.engine import ToolsSection
from store.agent_part_records import Tool, ToolKind

NOW = datetime.now(UTC)
TOOL = Tool(
    id="t",
    organization_id="o",
    name="book",
    model_tool_name="book",
    kind=ToolKind.CLIENT,
    description="d",
    url="https://tools.example.com/{table}",
    method="POST",
    created_at=NOW,
    updated_at=NOW,
    dynamic_parameters=(
        {"name": "table", "location": "path", "schema": {}, "required": True},
        {"name": "when", "location": "query", "schema": {}, "required": False},
        {"name": "guests", "location": "body", "schema": {}, "required": False},
    ),
    static_parameters=(
        {"name": "X-Key", "location": "header", "value": "secret"},
        {"name": "source", "location": "body", "value": {"a": 1}},
    ),
)


class Owner:
    def __init__(self) -> None:
        self.seen: list[web.Request] = []
        self.bodies: list[Any] = []
        self.answer: dict[str, Any] = {"text": "booked"}
        self.delay = asyncio.Event()
        self.delay.set()
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._handle)
        self.server = TestServer(app)

    async def _handle(self, request: web.Request) -> web.Response:
        self.seen.append(request)
        body = await request.text()
        self.bodies.append(json.loads(body) if body else None)
        await self.delay.wait()
        return web.Response(**self.answer)

    def tool(self, **changes: Any) -> Tool:
        return replace(TOOL, url=str(self.server.make_url("/book/")) + "{table}", **changes)


@pytest.fixture
async def owner() -> AsyncIterator[Owner]:
    made = Owner()
    await made.server.start_server()
    yield made
    made.delay.set()
    await made.server.close()


@pytest.fixture
async def tools() -> AsyncIterator[ClientTools]:
    made = ClientTools(ToolsSection(private_urls=True, max_response_bytes=1024))
    yield made
    await made.close()


def test_what_is_fixed_wins_and_what_is_unknown_is_left_out() -> None:
    tool = replace(TOOL, static_parameters=({"name": "guests", "location": "body", "value": 2},))
    url, query, headers, body = placed(tool, {"table": "a/b", "guests": 9, "evil": True, "when": None})
    assert url == "https://tools.example.com/a%2Fb"
    assert (query, headers, body) == ({"when": "null"}, {}, {"guests": 2})


async def test_parameters_go_where_the_definition_says(tools: ClientTools, owner: Owner) -> None:
    answer = await tools.run(owner.tool(), {"table": "7", "when": "now", "guests": 3}, {"X-Call-Id": "c"})
    assert (answer.text, answer.response_type, answer.call_state) == ("booked", None, None)
    (request,) = owner.seen
    assert (request.method, request.path_qs) == ("POST", "/book/7?when=now")
    assert (request.headers["X-Key"], request.headers["X-Call-Id"]) == ("secret", "c")
    assert owner.bodies == [{"guests": 3, "source": {"a": 1}}]


async def test_a_get_has_no_body(tools: ClientTools, owner: Owner) -> None:
    await tools.run(owner.tool(method="GET", static_parameters=()), {"table": "7"}, {})
    assert owner.bodies == [None]


async def test_the_owner_may_say_what_the_agent_is_to_do(tools: ClientTools, owner: Owner) -> None:
    owner.answer["headers"] = {
        "X-Ultravox-Response-Type": "hang-up",
        "X-Ultravox-Agent-Reaction": "listens",
        "X-Ultravox-Update-Call-State": '{"booked": true}',
    }
    answer = await tools.run(owner.tool(), {"table": "7"}, {})
    assert (answer.response_type, answer.reaction) == ("hang-up", "listens")
    assert answer.call_state == {"booked": True}


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ({"status": 500}, "HTTP status 500"),
        ({"status": 302, "headers": {"Location": "http://example.com"}}, "HTTP status 302"),
        ({"text": "x" * 2000}, "more than 1024 bytes"),
    ],
)
async def test_an_answer_that_is_none_is_a_failure(
    tools: ClientTools, owner: Owner, answer: dict[str, Any], words: str
) -> None:
    owner.answer = answer
    with pytest.raises(ClientToolError, match=words):
        await tools.run(owner.tool(), {"table": "7"}, {})
    assert len(owner.seen) == 1


async def test_a_slow_owner_is_not_waited_for_longer_than_the_tool_may_take(
    tools: ClientTools, owner: Owner
) -> None:
    owner.delay.clear()
    with pytest.raises(ClientToolError, match="no answer within"):
        await tools.run(owner.tool(timeout_ms=500), {"table": "7"}, {})


async def test_private_addresses_are_refused_however_they_are_written(owner: Owner) -> None:
    tools = ClientTools(ToolsSection())
    try:
        port = owner.server.port
        for host in ("127.0.0.1", "localhost", "[::1]", "2130706433"):
            with pytest.raises(ClientToolError):
                await tools.run(replace(TOOL, url=f"http://{host}:{port}/"), {}, {})
        assert owner.seen == []
    finally:
        await tools.close()


async def test_an_owner_who_is_not_there_is_a_failure(tools: ClientTools, owner: Owner) -> None:
    tool = owner.tool()
    await owner.server.close()
    with pytest.raises(ClientToolError, match="the request failed"):
        await tools.run(tool, {"table": "7"}, {})
