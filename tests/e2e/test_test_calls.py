"""Test calls in direct mode: joined at the engine, followed by asking it or by its webhooks."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path

import aiohttp

from gateway.free_port import free_sip_port
from tests.e2e.api_client import ApiClient, Json
from tests.e2e.gateway_process import Gateway
from tests.e2e.parties import RECEPTIONIST_PROMPT, VOICE, Parties

SECRET = "a-secret-for-the-engines-webhooks"
# Looked at so seldom, a call can only have been moved by a webhook.
BY_WEBHOOK = {"TRUNKLINE_ENGINE_POLL_INTERVAL": "1h", "TRUNKLINE_ENGINE_WEBHOOK_SECRET": SECRET}
BY_ASKING = {"TRUNKLINE_ENGINE_POLL_INTERVAL": "200ms"}


def join(url: str, while_joined: Callable[[], None]) -> None:
    """Be the browser: join, do something meanwhile, leave."""

    async def run() -> None:
        async with aiohttp.ClientSession() as session, session.ws_connect(url) as socket:
            reader = asyncio.create_task(_drain(socket))
            await asyncio.to_thread(while_joined)
            await socket.close()
            await reader

    asyncio.run(run())


async def _drain(socket: aiohttp.ClientWebSocketResponse) -> None:
    async for _ in socket:
        pass


def new_agent(api: ApiClient, **fields: object) -> Json:
    body = {
        "name": "Test",
        "voice_id": VOICE,
        "system_prompt": RECEPTIONIST_PROMPT,
        "browser_mode": "direct",
    }
    return api.wait_until_active(api.post("/agents", body | fields)["id"])


def follow(api: ApiClient) -> Json:
    """A test call from its making to its end."""
    agent = new_agent(api, greeting_settings={"text": "Welcome."})
    started = api.post(f"/agents/{agent['id']}/test-call")
    assert set(started) == {"call_id", "join_url", "agent_id", "created_at"}
    call = api.call(started["call_id"])
    assert (call["status"], call["direction"], call["metadata"]) == ("queued", "webrtc", {"test": True})

    def joined() -> None:
        api.wait_for_status(call["id"], "in-progress")
        time.sleep(1.5)  # the agent's greeting takes so long

    join(started["join_url"], joined)
    over = api.wait_for_status(call["id"], "ended")
    assert over["end_reason"] == "contact-hangup"
    assert (over["phone_number"], over["from_number"]) == (None, None)
    assert over["duration_seconds"] >= 1
    assert over["transcript"][0]["text"].startswith("Welcome")
    return over


def test_a_test_call_is_followed_by_asking_the_engine(start_gateway: Callable[..., Gateway]) -> None:
    gateway = start_gateway(environment=BY_ASKING)
    with contextlib.closing(ApiClient(gateway.http, gateway.demo_key)) as api:
        follow(api)
        agent = new_agent(api, join_timeout="1s")
        unjoined = api.post(f"/agents/{agent['id']}/test-call")
        failed = api.wait_for_status(unjoined["call_id"], "failed")
        assert (failed["failure_reason"], failed["started_at"]) == ("no-answer", None)
        waiting = api.post(f"/agents/{agent['id']}/test-call")
        assert api.post(f"/calls/{waiting['call_id']}/cancel")["status"] == "cancelled"


def test_a_test_call_is_followed_and_every_call_billed_by_webhooks(
    start_gateway: Callable[..., Gateway], tmp_path: Path
) -> None:
    port = free_sip_port("127.0.0.1")
    url = f"http://127.0.0.1:{port}/webhooks/ultravox"
    gateway = start_gateway(
        "--http",
        f"127.0.0.1:{port}",
        environment=BY_WEBHOOK | {"TRUNKLINE_ENGINE_WEBHOOK_URL": url},
        data=tmp_path / "data",
    )
    with contextlib.closing(ApiClient(gateway.http, gateway.demo_key)) as api:
        web = follow(api)
        with Parties(gateway, api, tmp_path) as parties:
            caller = parties.connected_caller(hold_ms=500)
            caller.sip.finish()
        telephone = api.wait_for_call(
            lambda call: call["direction"] == "inbound" and call["status"] == "ended"
        )
        limit = time.monotonic() + 10
        while not {web["id"], telephone["id"]} <= billed(tmp_path / "data" / "trunkline.db").keys():
            assert time.monotonic() < limit, "no bill within 10 s"
            time.sleep(0.1)
        assert set(billed(tmp_path / "data" / "trunkline.db").values()) == {6_000}, "one increment each"


def billed(database: Path) -> dict[str, int]:
    """What the engine charges for, by call."""
    with contextlib.closing(sqlite3.connect(database)) as connection:
        rows = connection.execute("SELECT id, engine_billed_ms FROM calls WHERE engine_billed_ms IS NOT NULL")
        return dict(rows.fetchall())
