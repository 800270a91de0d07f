"""A browser's call through the whole gateway, with aiortc as the browser: what is heard, proved by content in
both directions, and how such a call ends.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import numpy as np

from tests.e2e.api_client import ApiClient, Json
from tests.e2e.engine_view import EngineView, engine_call_ids
from tests.e2e.gateway_process import Gateway
from tests.e2e.leaks import assert_calls_gone
from tests.e2e.parties import ECHO_PROMPT, VOICE
from tests.support.audio import chirp, dominant_tone, find, loud_spans, tone
from tests.support.browser_peer import FRAGMENT, BrowserPeer

WIDE = 16_000
HIGH_HZ = 5200
AGENT_HZ = 787


async def in_thread(work: Any, *arguments: Any, **options: Any) -> Any:
    """The test's own loop carries audio and must not stand still."""
    return await asyncio.to_thread(lambda: work(*arguments, **options))


class Caller:
    """Makes calls and gives a peer for each."""

    def __init__(self, gateway: Gateway, api: ApiClient) -> None:
        self.gateway = gateway
        self.api = api

    async def agent(self, prompt: str, **fields: Any) -> str:
        body = {"name": "Browser's", "voice_id": VOICE, "system_prompt": prompt, **fields}
        agent = await in_thread(self.api.post, "/agents", body)
        await in_thread(self.api.wait_until_active, agent["id"])
        return str(agent["id"])

    async def token(self, agent_id: str) -> tuple[str, str]:
        """A call's id and the token by which it is joined."""
        made = await in_thread(self.api.http.post, "/webrtc/call", json={"agent_id": agent_id})
        assert made.status_code == 201, made.text
        body = made.json()
        return body["callId"], body["joinUrl"].replace("#", "/").rpartition("/")[2]

    @contextlib.asynccontextmanager
    async def joined(self, agent_id: str) -> AsyncIterator[tuple[BrowserPeer, str]]:
        call_id, token = await self.token(agent_id)
        async with BrowserPeer(self.gateway.http) as peer:
            await peer.join(token)
            await peer.until_connected()
            yield peer, call_id

    async def over(self, call_id: str, seconds: float = 10) -> Json:
        call: Json = await in_thread(self.api.wait_for_status, call_id, "ended", "failed", seconds=seconds)
        return call


async def test_a_browser_hears_its_own_wide_sound_from_the_agent(gateway: Gateway, api: ApiClient) -> None:
    caller = Caller(gateway, api)
    async with caller.joined(await caller.agent(ECHO_PROMPT)) as (peer, call_id):
        await in_thread(api.wait_for_status, call_id, "in-progress")
        said = np.concatenate((chirp(1500, rate=WIDE), tone(HIGH_HZ, 800, rate=WIDE)))
        await asyncio.sleep(0.5)
        peer.microphone.say(said, WIDE)
        await peer.until_said()
        await asyncio.sleep(1)
        heard = peer.heard(WIDE)
        status, _, _ = await peer.request("DELETE")
        assert status == 200
    assert find(said[: WIDE * 3 // 2], heard, WIDE)[1] > 0.9
    span = max(loud_spans(heard, rate=WIDE, join_ms=20), key=lambda span: span.duration_ms)
    end = round(span.end_ms * WIDE / 1000)
    assert abs(dominant_tone(heard[end - WIDE // 2 : end - WIDE // 10], WIDE)[0] - HIGH_HZ) < 15
    call = await caller.over(call_id)
    assert (call["status"], call["end_reason"], call["direction"]) == ("ended", "contact-hangup", "webrtc")
    kinds = [step["kind"] for step in await in_thread(api.timeline, call_id)]
    assert kinds.index("media-secured") < kinds.index("first-rtp-received")
    quality = await in_thread(api.get, f"/calls/{call_id}/quality")
    assert quality["legs"][0]["network"]["srtp"] is not None
    assert_calls_gone(gateway)


async def test_the_agent_speaks_hears_and_hangs_up(
    gateway: Gateway, api: ApiClient, engine: EngineView
) -> None:
    caller = Caller(gateway, api)
    steps: list[Json] = [{"tone": AGENT_HZ, "ms": 1500}, {"wait": "user"}, {"hang_up": True}]
    agent_id = await caller.agent(engine.script(*steps), recording_enabled=True)
    async with caller.joined(agent_id) as (peer, call_id):
        await asyncio.sleep(2.5)
        said = chirp(1200, rate=WIDE)
        peer.microphone.say(said, WIDE)
        call = await caller.over(call_id, 15)
        heard = peer.heard(WIDE)
    spans = loud_spans(heard, rate=WIDE, join_ms=20)
    assert abs(spans[0].duration_ms - 1500) < 60, spans
    part = heard[round(spans[0].start_ms * 16) + 800 : round(spans[0].end_ms * 16) - 800]
    assert abs(dominant_tone(part, WIDE)[0] - AGENT_HZ) < 5
    assert (call["status"], call["end_reason"]) == ("ended", "agent-hangup")
    engine_call = engine_call_ids(await in_thread(api.timeline, call_id))[-1]
    assert find(said, await in_thread(engine.input, engine_call, WIDE), WIDE)[1] > 0.9
    assert call["recording_status"] != "none"


async def test_candidates_and_another_network_keep_the_call(gateway: Gateway, api: ApiClient) -> None:
    """ICE begins anew with other credentials of the browser, as it does when its network has changed."""
    caller = Caller(gateway, api)
    async with caller.joined(await caller.agent(ECHO_PROMPT)) as (peer, call_id):
        end = b"a=end-of-candidates\r\n"
        headers = {"Content-Type": FRAGMENT, "If-Match": peer.etag}
        assert (await peer.request("PATCH", data=end, headers=headers))[0] == 204
        restart = f"a=ice-ufrag:abcd\r\na=ice-pwd:{'x' * 24}\r\nm=audio 9 RTP/AVP 0\r\na=mid:0\r\n".encode()
        status, answered, fragment = await peer.request(
            "PATCH", data=restart, headers=headers | {"If-Match": "*"}
        )
        assert status == 200
        assert answered["ETag"] != peer.etag
        assert "a=ice-ufrag:" in fragment
        # The browser's audio goes on by the old path until the new one is found.
        await asyncio.sleep(0.3)
        said = chirp(1000, rate=WIDE)
        peer.microphone.say(said, WIDE)
        await peer.until_said()
        await asyncio.sleep(1)
        assert find(said, peer.heard(WIDE), WIDE)[1] > 0.9
        await peer.request("DELETE")
    assert (await caller.over(call_id))["end_reason"] == "contact-hangup"


async def test_a_tab_that_is_closed_ends_the_call_in_seconds(start_gateway: Any) -> None:
    closes = {"TRUNKLINE_BROWSER_CLOSED_TIMEOUT": "1s", "TRUNKLINE_BROWSER_MEDIA_TIMEOUT": "2s"}
    gateway = start_gateway(environment=closes)
    with contextlib.closing(ApiClient(gateway.http, gateway.demo_key)) as api:
        caller = Caller(gateway, api)
        async with caller.joined(await caller.agent(ECHO_PROMPT)) as (_, call_id):
            await asyncio.sleep(0.5)
        call = await caller.over(call_id, 6)
    assert (call["status"], call["failure_reason"]) == ("failed", "media-timeout")


async def test_a_token_is_good_once_and_a_call_that_nobody_joins_fails(
    gateway: Gateway, api: ApiClient
) -> None:
    caller = Caller(gateway, api)
    agent_id = await caller.agent(ECHO_PROMPT, join_timeout="1s")
    call_id, token = await caller.token(agent_id)
    async with BrowserPeer(gateway.http) as peer, BrowserPeer(gateway.http) as second:
        await peer.join(token)
        assert (await second.post(token, await second.offer())).status == 409
        await peer.request("DELETE")
    await caller.over(call_id)
    missed, token = await caller.token(agent_id)
    call = await caller.over(missed, 5)
    assert (call["status"], call["failure_reason"]) == ("failed", "no-answer")


async def test_a_page_sees_what_the_agent_does_and_writes_to_it(
    gateway: Gateway, api: ApiClient, engine: EngineView
) -> None:
    caller = Caller(gateway, api)
    said = "Welcome to the library, how can I help you today?"
    agent_id = await caller.agent(engine.script({"say": said}, {"wait": "text"}, {"hang_up": True}))
    async with caller.joined(agent_id) as (peer, call_id), peer.http.ws_connect(peer.socket_url) as socket:
        seen = []
        async for message in socket:
            seen.append(message.json())
            if _is_over(seen, said):
                await socket.send_json({"type": "text", "text": "Thank you, that is all."})
        assert socket.close_code == 1000
        spoke = loud_spans(peer.heard(WIDE), rate=WIDE, join_ms=300)
    states = [message["state"] for message in seen if message["type"] == "state"]
    assert states[-1] == "ended"
    assert states.index("speaking") < len(states) - 2, states
    assert "listening" in states[states.index("speaking") :]
    assert seen[-1] == {"type": "state", "state": "ended", "reason": "agent-hangup"}
    (final,) = {
        message["text"] for message in seen if message["type"] == "transcript" and message["isFinal"]
    } & {said}
    assert final == said
    assert spoke
    assert (await caller.over(call_id))["end_reason"] == "agent-hangup"
    engine_call = engine_call_ids(await in_thread(api.timeline, call_id))[-1]
    assert "Thank you, that is all." in await in_thread(engine.texts, engine_call)


def _is_over(seen: list[Json], said: str) -> bool:
    """The newest message says that the agent listens, after it has said its sentence."""
    heard = any(message.get("text") == said and message["isFinal"] for message in seen)
    return heard and seen[-1] == {"type": "state", "state": "listening"}


async def test_a_tab_that_is_closed_with_its_socket_is_a_hang_up(start_gateway: Any) -> None:
    gateway = start_gateway(environment={"TRUNKLINE_BROWSER_CLOSED_TIMEOUT": "1s"})
    with contextlib.closing(ApiClient(gateway.http, gateway.demo_key)) as api:
        caller = Caller(gateway, api)
        async with caller.joined(await caller.agent(ECHO_PROMPT)) as (peer, call_id):
            async with peer.http.ws_connect(peer.socket_url) as socket:
                assert (await socket.receive_json())["type"] == "state"
            await asyncio.sleep(1.5)
            assert (await in_thread(api.call, call_id))["status"] == "in-progress", "only its socket was lost"
        call = await caller.over(call_id, 5)
    assert (call["status"], call["end_reason"]) == ("ended", "contact-hangup")
