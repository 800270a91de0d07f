"""Transfers by a leg of ours, cold and warm: who hears whom, and what wire and customers are told."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import unquote

import pytest

from tests.e2e.api_client import ApiClient
from tests.e2e.conftest import UNLIMITED, watched
from tests.e2e.engine_view import EngineView, engine_call_ids
from tests.e2e.gateway_process import Gateway
from tests.e2e.known_speech import spoken
from tests.e2e.leaks import assert_calls_gone
from tests.e2e.live_caller import LiveCaller
from tests.e2e.live_target import LiveTarget
from tests.e2e.parties import Parties
from tests.e2e.webhook_server import WebhookServer
from tests.support.audio import Samples, dominant_tone, level_dbfs, tone, write_wav

MUSIC_HZ, AGENT_HZ, CALLER_HZ, TARGET_HZ = 700, 500, 900, 1200
# Speaks when it is told that it speaks with somebody, and listens again.
ANNOUNCES = f'[scenario:script] [{{"wait": "text"}}, {{"tone": {AGENT_HZ}, "ms": 1500}}, {{"repeat": true}}]'


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    music = tmp_path_factory.mktemp("sounds") / "music.wav"
    write_wav(music, tone(MUSIC_HZ, 500))
    environment = UNLIMITED | {"TRUNKLINE_CONTROL_HOLD_MUSIC": str(music)}
    with watched(Gateway(tmp_path_factory.mktemp("gateway"), environment=environment)) as running:
        yield running
        assert_calls_gone(running)


@pytest.fixture(scope="module")
def api(gateway: Gateway) -> Iterator[ApiClient]:
    with contextlib.closing(ApiClient(gateway.http, gateway.demo_key)) as client:
        yield client


@pytest.fixture(scope="module")
def engine(gateway: Gateway) -> Iterator[EngineView]:
    with contextlib.closing(EngineView.of_child(gateway)) as view:
        yield view


@pytest.fixture
def receiver(api: ApiClient) -> Iterator[WebhookServer]:
    with WebhookServer() as server:
        webhook = api.post("/webhooks", {"url": server.url})
        yield server
        api.http.delete(f"/webhooks/{webhook['id']}")


@asynccontextmanager
async def announced(gateway: Gateway, parties: Parties) -> AsyncIterator[tuple[LiveCaller, LiveTarget]]:
    """A caller with an agent that announces it, and whom it is to be transferred to."""
    number = await asyncio.to_thread(parties.inbound_number, ANNOUNCES)
    async with LiveTarget() as target, LiveCaller(gateway, number) as caller:
        yield caller, target


async def both_hear_each_other(caller: LiveCaller, target: LiveTarget) -> None:
    caller.audio.queue(tone(CALLER_HZ, 1500))
    target.audio.queue(tone(TARGET_HZ, 1500))
    await asyncio.sleep(0.4)
    at_target, at_caller = await asyncio.gather(target.hears(600), caller.hears(600))
    assert hears(at_target) == pytest.approx(CALLER_HZ, abs=15)
    assert hears(at_caller) == pytest.approx(TARGET_HZ, abs=15)


def hears(samples: Samples) -> float:
    """The frequency of what is heard, 0 for silence."""
    return 0.0 if level_dbfs(samples) < -45 else dominant_tone(samples)[0]


async def until_hears(party: LiveCaller | LiveTarget, frequency: float, seconds: float = 6) -> None:
    limit = time.monotonic() + seconds
    while abs((found := hears(await party.hears(200))) - frequency) > 20:
        assert time.monotonic() < limit, f"hears {found} Hz, not {frequency}"


async def over(api: ApiClient, caller: LiveCaller) -> dict[str, Any]:
    return await asyncio.to_thread(api.wait_for_status, caller.call_id, "ended")


def ends(receiver: WebhookServer, call_id: str) -> list[str]:
    return [
        request.json["event"]
        for request in receiver.taken
        if request.json["data"].get("id") == call_id and request.json["event"].startswith("transfer.")
    ]


async def test_a_caller_whose_carrier_refuses_refer_speaks_to_the_desk_all_the_same(
    gateway: Gateway, api: ApiClient, parties: Parties, receiver: WebhookServer
) -> None:
    async with announced(gateway, parties) as (caller, target):
        caller.phone.answer_in_dialog = False
        await caller.post("transfer", {"target": target.uri})
        caller.call.respond(await caller.call.until_request("REFER"), 603, "Decline")
        await target.rings()
        await until_hears(caller, MUSIC_HZ)
        target.call.answer(target.audio.sdp())
        assert target.call.invite is not None
        target.audio.connect(target.call.invite.body)
        target.audio.start()
        await caller.step("transfer-completed")
        await both_hear_each_other(caller, target)
        await caller.audio.press("42#")
        await target.audio.until(lambda: target.audio.digits() == "42#")
        call = (await caller.http.get(f"/calls/{caller.call_id}")).json()["data"]
        assert call["status"] == "in-progress"
        assert (call["transfer"]["status"], call["transfer"]["method"]) == ("completed", "bridge")
        refused = await caller.post("say", {"text": "Hello?"}, status=409)
        assert refused["error"]["code"] == "call_transferred"
        ladder = (await caller.http.get(f"/calls/{caller.call_id}/sip")).json()["data"]
        assert {step["leg"] for step in ladder["messages"]} == {"contact", "transfer"}
        caller.phone.answer_in_dialog = True
        await target.call.bye()
        await caller.call.until_request("BYE")
        ended = await over(api, caller)
        assert (ended["end_reason"], ended["outcome"]) == ("transferred", "transferred")
        await asyncio.to_thread(
            receiver.wait_for, lambda taken: any(one.json["event"] == "call.ended" for one in taken)
        )
        told = ends(receiver, caller.call_id)
        assert (told[0], told[-1]) == ("transfer.started", "transfer.completed")
        assert set(told[1:-1]) == {"transfer.progress"}


async def test_the_agent_announces_the_caller_who_hears_music_and_is_then_put_through(
    gateway: Gateway, api: ApiClient, parties: Parties, engine: EngineView
) -> None:
    async with announced(gateway, parties) as (caller, target):
        body = {"target": target.uri, "mode": "warm", "dtmf": "w12#", "briefing": "Ann, about order 77."}
        await caller.post("transfer", body)
        await target.answers()
        await target.audio.until(lambda: target.audio.digits() == "12#")
        await until_hears(target, AGENT_HZ)
        assert hears(await caller.hears(300)) == pytest.approx(MUSIC_HZ, abs=15)
        (engine_call,) = engine_call_ids(await caller.timeline())
        assert any("Ann, about order 77." in text for text in engine.texts(engine_call))
        await caller.post("transfer/complete")
        await both_hear_each_other(caller, target)
        await caller.call.bye()
        await target.call.until_request("BYE")
        assert (await over(api, caller))["end_reason"] == "transferred"


async def test_a_transfer_that_is_given_up_brings_the_caller_back_to_the_agent(
    gateway: Gateway, api: ApiClient, parties: Parties, receiver: WebhookServer
) -> None:
    async with announced(gateway, parties) as (caller, target):
        await caller.post("transfer", {"target": target.uri, "mode": "warm"})
        await target.answers()
        await until_hears(target, AGENT_HZ)
        await caller.post("transfer/cancel")
        await target.call.until_request("BYE")
        await until_hears(caller, AGENT_HZ)  # it says something to what it is told
        # Busy now, and the caller is back again.
        await caller.post("transfer", {"target": target.uri, "method": "bridge"})
        (await target.phone.incoming()).reject(486, "Busy Here")
        await until_hears(caller, AGENT_HZ)
        await caller.call.bye()
        assert (await over(api, caller))["end_reason"] == "contact-hangup"
        await asyncio.to_thread(
            receiver.wait_for, lambda taken: any(one.json["event"] == "call.ended" for one in taken)
        )
        told = [name for name in ends(receiver, caller.call_id) if name != "transfer.progress"]
        assert told == ["transfer.started", "transfer.failed"] * 2


async def test_a_caller_takes_the_agents_place_by_replaces(
    gateway: Gateway, api: ApiClient, parties: Parties
) -> None:
    async with announced(gateway, parties) as (caller, target):
        await caller.post("transfer", {"target": target.uri, "mode": "warm", "method": "refer"})
        await target.answers()
        await until_hears(target, AGENT_HZ)
        caller.phone.answer_in_dialog = False
        await caller.post("transfer/complete")
        refer = await caller.call.until_request("REFER")
        replaced = f"<{target.uri}?Replaces={target.call.call_id};to-tag={target.call.local_tag};from-tag="
        assert unquote(refer["Refer-To"]).startswith(replaced)
        caller.call.respond(refer, 202, "Accepted")
        await target.call.bye()
        await caller.call.send(
            "NOTIFY",
            body=b"SIP/2.0 200 OK\r\n",
            headers=(("Event", "refer"), ("Subscription-State", "terminated;reason=noresource")),
            content_type="message/sipfrag",
        )
        caller.call.respond(await caller.call.until_request("BYE"), 200, "OK")
        caller.call.ended = True
        ended = await over(api, caller)
        assert (ended["end_reason"], ended["transfer"]["method"]) == ("transferred", "refer")


async def test_an_agent_announces_a_caller_and_puts_it_through_by_its_own_tools(
    gateway: Gateway, api: ApiClient, parties: Parties
) -> None:
    async with LiveTarget() as target:
        script = [
            {"wait": "user"},
            {"tool": "transferCall", "arguments": {"to": target.uri, "kind": "warm", "reason": "A refund."}},
            {"wait": "text"},
            {"tone": AGENT_HZ, "ms": 1500},
            {"wait": "user"},
            {"tool": "completeTransfer", "arguments": {}},
        ]
        prompt = f"[scenario:script] {json.dumps(script)} The desk is at {target.uri} today."
        built_in = {"transfer": {"cold": False, "warm": True}}
        number = await asyncio.to_thread(lambda: parties.inbound_number(prompt, built_in_config=built_in))
        async with LiveCaller(gateway, number) as caller:
            await caller.audio.play(spoken("To the desk, please."))
            await target.answers()
            await until_hears(target, AGENT_HZ)
            await target.audio.play(spoken("Put them through, please."))
            await caller.step("transfer-completed", 10)
            await both_hear_each_other(caller, target)
            await caller.call.bye()
            await target.call.until_request("BYE")
            assert (await over(api, caller))["end_reason"] == "transferred"
