"""`call`: what is shown of a call placed through a running gateway's API."""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
from aiohttp import web

from gateway import follow_call as module
from gateway.follow_call import follow_call

Api = Callable[..., Awaitable[str]]
CREATED = {"data": {"id": "c1"}}


def state(status: str, **fields: Any) -> dict[str, Any]:
    call = {"status": status, "failure_reason": None, "end_reason": None, "duration_seconds": None}
    return {"data": call | fields}


def steps(*kinds: str) -> dict[str, Any]:
    return {"data": [{"t_ms": 10, "kind": kind, "detail": {"n": 1}} for kind in kinds]}


@pytest.fixture
async def api(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Api]:
    """An API with answers given beforehand: to the POST, and to each GET of the call and its timeline."""
    monkeypatch.setattr(module, "POLL_S", 0.001)
    runners: list[web.AppRunner] = []

    async def serve(
        created: Any, calls: tuple[Any, ...] = (), timelines: tuple[Any, ...] = (), status: int = 201
    ) -> str:
        left_calls, left_timelines = list(calls), list(timelines)
        app = web.Application()

        def reply(body: Any, code: int = 200) -> web.Response:
            return web.json_response(body, status=code) if isinstance(body, dict) else web.Response(text=body)

        async def post(request: web.Request) -> web.Response:
            assert request.headers["Authorization"] == "Bearer key"
            assert await request.json() == {
                "agent_id": "a",
                "phone_number": "+14155550123",
                "from_number": "+14155550100",
            }
            return reply(created, status)

        async def call(request: web.Request) -> web.Response:
            return reply(left_calls.pop(0))

        async def timeline(request: web.Request) -> web.Response:
            return reply(left_timelines.pop(0))

        app.router.add_post("/api/public/v1/calls", post)
        app.router.add_get("/api/public/v1/calls/c1", call)
        app.router.add_get("/api/public/v1/calls/c1/timeline", timeline)
        runner = web.AppRunner(app)
        runners.append(runner)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        return f"http://127.0.0.1:{runner.addresses[0][1]}/"

    yield serve
    for runner in runners:
        await runner.cleanup()


async def follow(url: str) -> int:
    return await follow_call(url, "key", agent_id="a", to="+14155550123", from_number="+14155550100")


async def test_each_step_is_told_once_and_an_ended_call_is_a_success(
    api: Api, capsys: pytest.CaptureFixture[str]
) -> None:
    ended = state("ended", end_reason="contact-hangup", duration_seconds=12)
    url = await api(CREATED, (state("ringing"), ended), (steps("created"), steps("created", "answered")))
    assert await follow(url) == 0
    shown = capsys.readouterr().out
    assert shown.count("created") == 1
    assert shown.count("answered") == 1
    assert "ended (contact-hangup), 12 s" in shown


async def test_a_failed_call_is_a_failure(api: Api, capsys: pytest.CaptureFixture[str]) -> None:
    url = await api(CREATED, (state("failed", failure_reason="busy"),), (steps(),))
    assert await follow(url) == 1
    assert "failed (busy), 0 s" in capsys.readouterr().out


async def test_a_refusal_is_told_in_the_apis_words(api: Api, capsys: pytest.CaptureFixture[str]) -> None:
    url = await api({"error": {"code": "no_phone_number_configured", "message": "Assign one."}}, status=422)
    assert await follow(url) == 1
    assert "no_phone_number_configured: Assign one." in capsys.readouterr().err


async def test_an_error_while_following_is_told_and_no_crash(
    api: Api, capsys: pytest.CaptureFixture[str]
) -> None:
    url = await api(CREATED, ({"error": {"code": "rate_limited", "message": "Too many."}},))
    assert await follow(url) == 1
    assert "rate_limited: Too many." in capsys.readouterr().err


async def test_something_else_at_that_address_is_told(api: Api, capsys: pytest.CaptureFixture[str]) -> None:
    assert await follow(await api("<html>It works!</html>")) == 1
    assert "not the API's" in capsys.readouterr().err


async def test_nobody_at_that_address_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert await follow("http://127.0.0.1:1") == 1
    assert "http://127.0.0.1:1" in capsys.readouterr().err


async def test_a_key_is_needed(capsys: pytest.CaptureFixture[str]) -> None:
    assert await follow_call("http://127.0.0.1:1", None, agent_id="a", to="+1", from_number=None) == 1
    assert "TRUNKLINE_KEY" in capsys.readouterr().err
