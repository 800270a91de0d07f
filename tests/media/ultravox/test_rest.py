"""The REST client against a real HTTP server that answers by script."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from aiohttp import web

from media.ultravox.call_request import AgentSettings, EngineCallRequest
from media.ultravox.errors import (
    EngineBusyError,
    EngineProtocolError,
    EngineRefusedError,
    EngineTimeoutError,
    EngineUnreachableError,
)
from media.ultravox.protocol import HangUp
from media.ultravox.rest import EngineCall, UltravoxClient

KEY = "abcdefgh.0123456789abcdef0123456789abcdef"
REQUEST = EngineCallRequest(agent=AgentSettings(system_prompt="Hi"), sample_rate=8000)
CREATED = {"callId": "7d1f", "joinUrl": "wss://voice.example/calls/7d1f/x", "ended": None, "new": [1]}

Answer = web.StreamResponse | Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass
class Engine:
    """Answers in turn; keeps what it was asked."""

    url: str = ""
    answers: list[Answer] = field(default_factory=list)
    asked: list[tuple[str, str]] = field(default_factory=list)
    bodies: list[Any] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    waits: list[float] = field(default_factory=list)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.asked.append((request.method, str(request.rel_url)))
        self.headers.append(dict(request.headers))
        self.bodies.append(await request.json() if request.can_read_body else None)
        answer = self.answers.pop(0)
        return answer if isinstance(answer, web.StreamResponse) else await answer(request)

    async def sleep(self, seconds: float) -> None:
        self.waits.append(seconds)


@asynccontextmanager
async def client_and_engine(**options: Any) -> AsyncIterator[tuple[UltravoxClient, Engine]]:
    engine = Engine()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", engine.handle)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    engine.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    client = UltravoxClient(engine.url, KEY, sleep=engine.sleep, **options)
    try:
        yield client, engine
    finally:
        await client.close()
        await runner.cleanup()


def reply(status: int, body: Any = None, **headers: str) -> web.Response:
    if body is None:
        return web.Response(status=status, headers=headers)
    return web.json_response(body, status=status, headers=headers)


async def test_created_call_has_an_id_and_a_join_url() -> None:
    async with client_and_engine() as (client, engine):
        engine.answers = [reply(201, CREATED)]
        call = await client.create_call(REQUEST)
        assert (call.call_id, call.join_url) == ("7d1f", "wss://voice.example/calls/7d1f/x")
        assert engine.asked == [("POST", "/api/calls")]
        assert engine.headers[0]["X-API-Key"] == KEY
        assert engine.headers[0]["Content-Type"] == "application/json"
        assert engine.bodies[0]["medium"]["serverWebSocket"]["inputSampleRate"] == 8000


async def test_one_connection_serves_requests_in_turn() -> None:
    ports = set()

    async def note(request: web.Request) -> web.StreamResponse:
        assert request.transport is not None
        ports.add(request.transport.get_extra_info("peername")[1])
        return reply(201, CREATED)

    async with client_and_engine() as (client, engine):
        engine.answers = [note, note, note]
        for _ in range(3):
            await client.create_call(REQUEST)
        assert len(ports) == 1


async def test_lost_call_is_continued_by_its_id() -> None:
    async with client_and_engine() as (client, engine):
        engine.answers = [reply(201, CREATED)]
        await client.create_call(REQUEST, prior_call_id="a b/c", enable_greeting_prompt=False)
        assert engine.asked == [("POST", "/api/calls?priorCallId=a%20b%2Fc&enableGreetingPrompt=false")]
        assert engine.bodies[0]["firstSpeakerSettings"] == {"user": {}}


async def test_refusal_tells_status_and_detail_and_is_not_repeated() -> None:
    async with client_and_engine() as (client, engine):
        engine.answers = [reply(402, {"detail": "No allowance left. " + "x" * 600})]
        with pytest.raises(EngineRefusedError) as caught:
            await client.create_call(REQUEST)
        assert caught.value.status == 402
        assert caught.value.detail.startswith("No allowance left.")
        assert len(caught.value.detail) == 500
        assert KEY not in str(caught.value)
        assert len(engine.asked) == 1
        assert engine.waits == []


@pytest.mark.parametrize("status", [429, 503])
async def test_busy_engine_is_asked_again_after_one_two_and_four_seconds(status: int) -> None:
    async with client_and_engine() as (client, engine):
        engine.answers = [reply(status), reply(status), reply(status), reply(201, CREATED)]
        assert (await client.create_call(REQUEST)).call_id == "7d1f"
        assert engine.waits == [1.0, 2.0, 4.0]
        assert client.requests_retried == 3


async def test_retry_after_is_obeyed() -> None:
    async with client_and_engine() as (client, engine):
        engine.answers = [reply(429, **{"Retry-After": "3"}), reply(201, CREATED)]
        await client.create_call(REQUEST)
        assert engine.waits == [3.0]


async def test_attempts_are_bounded() -> None:
    async with client_and_engine() as (client, engine):
        engine.answers = [reply(429, {"detail": "busy"}) for _ in range(10)]
        with pytest.raises(EngineBusyError) as caught:
            await client.create_call(REQUEST)
        assert len(engine.asked) == 4
        assert (caught.value.status, caught.value.detail, caught.value.retry_after) == (429, "busy", None)


async def test_no_wait_goes_beyond_the_deadline() -> None:
    async with client_and_engine() as (client, engine):
        engine.answers = [reply(503, **{"Retry-After": "6"})]
        with pytest.raises(EngineBusyError) as caught:
            await client.create_call(REQUEST, deadline_s=5.0)
        assert caught.value.retry_after == 6.0
        assert engine.waits == []


async def test_silent_engine_times_out_at_the_deadline() -> None:
    async with client_and_engine() as (client, engine):
        released = asyncio.Event()

        async def silent(request: web.Request) -> web.StreamResponse:
            await released.wait()
            return reply(201, CREATED)

        engine.answers = [silent]
        with pytest.raises(EngineTimeoutError, match=r"0\.05 s"):
            await client.create_call(REQUEST, deadline_s=0.05)
        released.set()


async def test_unreachable_engine_is_told_as_such_after_retries() -> None:
    waits: list[float] = []

    async def sleep(seconds: float) -> None:
        waits.append(seconds)

    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))  # bound, not listening: connecting is refused
        client = UltravoxClient(f"http://127.0.0.1:{unused.getsockname()[1]}", KEY, sleep=sleep)
        with pytest.raises(EngineUnreachableError):
            await client.create_call(REQUEST)
        await client.close()
    assert waits == [1.0, 2.0, 4.0]


async def test_connection_broken_before_the_answer_is_tried_again_at_once() -> None:
    async def hang_up(request: web.Request) -> web.StreamResponse:
        assert request.transport is not None
        request.transport.abort()
        return reply(201, CREATED)

    async with client_and_engine() as (client, engine):
        engine.answers = [hang_up, reply(201, CREATED)]
        assert (await client.create_call(REQUEST)).call_id == "7d1f"
        assert len(engine.asked) == 2


@pytest.mark.parametrize(
    "answer",
    [
        web.Response(status=201, text="<html>"),
        web.Response(status=201, text='{"callId": "7d1f"}'),
        web.Response(status=201, text='{"callId": "7d1f", "joinUrl": null}'),
        web.Response(status=201, text='{"callId": "7d1f", "joinUrl": "https://x"}'),
        web.Response(
            status=201, text='{"callId": "7d1f", "joinUrl": "wss://x", "ended": "2026-01-05T10:00:00Z"}'
        ),
        web.Response(status=200, text='{"callId": "7d1f", "joinUrl": "wss://x"}'),
    ],
    ids=["html", "no-join-url", "null", "not-ws", "ended", "status-200"],
)
async def test_odd_answer_is_a_protocol_error(answer: web.Response) -> None:
    async with client_and_engine() as (client, engine):
        engine.answers = [answer]
        with pytest.raises(EngineProtocolError):
            await client.create_call(REQUEST)


async def test_redirect_is_not_followed_with_the_key() -> None:
    async with client_and_engine() as (client, engine):
        engine.answers = [reply(302, Location="http://127.0.0.1:1/elsewhere")]
        with pytest.raises(EngineRefusedError) as caught:
            await client.create_call(REQUEST)
        assert caught.value.status == 302


async def test_requests_beyond_the_bound_wait_their_turn() -> None:
    active = peak = 0

    async def count(request: web.Request) -> web.StreamResponse:
        nonlocal active, peak
        active += 1
        peak = max(peak, active)
        for _ in range(20):
            await asyncio.sleep(0)
        active -= 1
        return reply(201, CREATED)

    async with client_and_engine(max_concurrency=3) as (client, engine):
        engine.answers = [count] * 12
        calls = await asyncio.gather(*(client.create_call(REQUEST) for _ in range(12)))
        assert len(calls) == 12
        assert peak == 3


async def test_call_and_all_pages_of_its_messages_are_read() -> None:
    async with client_and_engine() as (client, engine):
        engine.answers = [
            reply(200, {"callId": "7d1f", "joined": "2026-01-05T10:00:00Z", "endReason": "hangup"}),
            reply(
                200,
                {
                    "results": [
                        {
                            "role": "MESSAGE_ROLE_AGENT",
                            "text": "Good day",
                            "timespan": {"start": "0.62s", "end": "2.1s"},
                        }
                    ],
                    "next": "https://elsewhere.example/api/calls/7d1f/messages?cursor=c2&mode=in_call",
                },
            ),
            reply(200, {"results": [{"role": "MESSAGE_ROLE_USER", "text": "Hi"}], "next": None}),
        ]
        status = await client.get_call("7d1f")
        messages = await client.list_messages("7d1f")
        assert (status.call_id, status.end_reason, status.ended) == ("7d1f", "hangup", None)
        assert [(m.role, m.text) for m in messages] == [
            ("MESSAGE_ROLE_AGENT", "Good day"),
            ("MESSAGE_ROLE_USER", "Hi"),
        ]
        assert messages[0].timespan is not None
        assert messages[0].timespan.start == "0.62s"
        assert [path for _, path in engine.asked[1:]] == [
            "/api/calls/7d1f/messages?mode=in_call",
            "/api/calls/7d1f/messages?cursor=c2&mode=in_call",
        ]


async def test_data_message_is_posted_and_its_refusal_told() -> None:
    async with client_and_engine() as (client, engine):
        engine.answers = [reply(204), reply(422, {"detail": "not joined"})]
        await client.send_data_message("7d1f", HangUp(message="Goodbye."))
        assert engine.asked == [("POST", "/api/calls/7d1f/send_data_message")]
        assert engine.bodies == [{"type": "hang_up", "message": "Goodbye."}]
        with pytest.raises(EngineRefusedError, match="not joined"):
            await client.send_data_message("7d1f", HangUp())


async def test_agents_are_made_read_and_removed() -> None:
    async with client_and_engine() as (client, engine):
        engine.answers = [
            reply(201, {"agentId": "a-1", "name": "Front desk"}),
            reply(200, {"agentId": "a-1", "name": "Front desk"}),
            reply(204),
        ]
        agent = await client.create_agent("Front desk", AgentSettings(system_prompt="Hi"))
        assert await client.get_agent(agent.agent_id) == agent
        await client.delete_agent("a-1")
        assert engine.asked == [
            ("POST", "/api/agents"),
            ("GET", "/api/agents/a-1"),
            ("DELETE", "/api/agents/a-1"),
        ]


async def test_an_agent_is_changed_and_found_by_its_name_on_any_page() -> None:
    async with client_and_engine() as (client, engine):
        engine.answers = [
            reply(200, {"agentId": "a-1", "name": "Front desk"}),
            reply(
                200,
                {"results": [{"agentId": "a-2", "name": "Other"}], "next": "http://x/api/agents?cursor=c"},
            ),
            reply(200, {"results": [{"agentId": "a-1", "name": "Front desk"}], "next": None}),
            reply(200, {"results": [], "next": None}),
        ]
        changed = await client.update_agent("a-1", "Front desk", AgentSettings(system_prompt="Hm"))
        assert engine.bodies[0]["callTemplate"]["systemPrompt"] == "Hm"
        assert await client.find_agent("Front desk") == changed
        assert await client.find_agent("Nobody") is None
        assert [method for method, _ in engine.asked] == ["PATCH", "GET", "GET", "GET"]


async def test_ping_knows_a_good_key_from_a_bad_one_in_one_attempt() -> None:
    async with client_and_engine() as (client, engine):
        engine.answers = [reply(200, {}), reply(401, {"detail": "Invalid key."}), reply(503)]
        await client.ping()
        with pytest.raises(EngineRefusedError, match="Invalid key"):
            await client.ping()
        with pytest.raises(EngineBusyError):
            await client.ping()
        assert engine.asked == [("GET", "/api/accounts/me")] * 3


async def test_base_url_may_name_the_api_path_or_not() -> None:
    async with client_and_engine() as (_, engine):
        for base in (engine.url + "/api", engine.url + "/api/", engine.url + "/"):
            client = UltravoxClient(base, KEY)
            engine.answers = [reply(200, {})]
            await client.ping()
            await client.close()
        assert set(engine.asked) == {("GET", "/api/accounts/me")}


async def test_closed_client_asks_nothing() -> None:
    async with client_and_engine() as (client, engine):
        await client.close()
        with pytest.raises(EngineUnreachableError):
            await client.create_call(REQUEST)
        assert engine.asked == []


def test_neither_key_nor_join_url_is_shown() -> None:
    call = EngineCall(call_id="7d1f", join_url="wss://voice.example/secret")
    assert "secret" not in repr(call)
    assert KEY not in repr(UltravoxClient("http://127.0.0.1:1", KEY))
