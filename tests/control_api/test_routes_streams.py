from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator

import pytest
from starlette.testclient import TestClient
from starlette.websockets import WebSocketDisconnect

from control_api.application import API_PREFIX
from gateway.event_bus import CallEvent, EventsDropped
from media.messages import AudioHeard
from tests.control_api.api import NOWHERE, Api, World
from tests.control_api.test_routes_call_control import call
from tests.control_api.test_routes_session import Browser


async def test_a_call_s_stream_holds_its_items_and_nothing_else(world: World) -> None:
    made = call(world)
    world.gateway.streams.items = [CallEvent("r-1", made.id, "digit", {"by": "info"}), EventsDropped(3)]
    response = await world.api.get(f"calls/{made.id}/events", headers={"Last-Event-ID": "r-0"})
    assert response.status_code == 200
    assert response.headers["content-type"].startswith("text/event-stream")
    assert response.headers["cache-control"] == "no-store"
    assert response.text == (
        "retry: 2000\n\n"
        f'id: r-1\nevent: digit\ndata: {{"call_id":"{made.id}","by":"info"}}\n\n'
        'event: events-dropped\ndata: {"count":3}\n\n'
    )
    assert world.gateway.streams.after == ["r-0"]
    assert world.gateway.streams.closed == 1


async def test_streams_are_for_those_with_a_key(world: World) -> None:
    made = call(world)
    assert (await world.anonymous.get("events")).status_code == 401
    assert (await world.other.get(f"calls/{made.id}/events")).status_code == 404
    assert (await world.api.get(f"calls/{NOWHERE}/events")).status_code == 404
    assert (await world.api.get("events")).status_code == 200


async def test_listening_is_offered_as_a_url_for_one_connection(world: World) -> None:
    made = call(world)
    data = (await world.api.post(f"calls/{made.id}/listen")).json()["data"]
    assert data == {
        "url": f"ws://gateway{API_PREFIX}/calls/{made.id}/listen?token=good",
        "expires_at": "2026-01-02T03:04:05Z",
    }
    secure = await world.api.post(f"https://gateway{API_PREFIX}/calls/{made.id}/listen")
    assert secure.json()["data"]["url"].startswith("wss://gateway/")
    assert (await world.other.post(f"calls/{made.id}/listen")).status_code == 404


@pytest.fixture
def client(world: World) -> Iterator[TestClient]:
    with TestClient(world.app) as made:
        yield made


async def test_a_listener_gets_a_greeting_the_audio_and_the_end(world: World, client: TestClient) -> None:
    made = call(world)
    listeners = world.gateway.control.call_listeners
    with client.websocket_connect(f"{API_PREFIX}/calls/{made.id}/listen?token=good") as socket:
        for sequence, rate in ((1, 8000), (5, 16000)):
            listeners.heard(
                AudioHeard(leg_id=made.id, sequence=sequence, sample_rate=rate, audio=b"\1\0\2\0")
            )
        listeners.end()
        assert [socket.receive_json() for _ in range(1)] == [{"type": "dropped", "milliseconds": 300}]
        assert socket.receive_json() == {
            "type": "hello",
            "encoding": "pcm_s16le",
            "sample_rate": 8000,
            "channels": 2,
            "channel_names": ["contact", "agent"],
            "message_ms": 100,
        }
        assert socket.receive_bytes() == b"\1\0\2\0"
        assert socket.receive_json()["sample_rate"] == 16000
        assert socket.receive_bytes() == b"\1\0\2\0"
        assert socket.receive_json() == {"type": "ended"}
        with pytest.raises(WebSocketDisconnect) as closed:
            socket.receive_bytes()
        assert closed.value.code == 1000
    assert len(listeners) == 0


async def test_without_a_good_token_the_socket_is_refused(world: World, client: TestClient) -> None:
    made = call(world)
    world.gateway.control.tokens.clear()
    for query in ("", "?token=", "?token=bad"):
        with (
            pytest.raises(WebSocketDisconnect),
            client.websocket_connect(f"{API_PREFIX}/calls/{made.id}/listen{query}"),
        ):
            pass
    assert world.gateway.control.switched == []


async def test_how_things_stand_is_told_at_once_and_again(world: World) -> None:
    browser = Browser(world)
    await browser.sign_in(api_key=world.secret)
    stop = asyncio.get_running_loop().call_later(0.2, setattr, world.gateway, "stopping", True)
    response = await browser("GET", "live")
    stop.cancel()
    head, *events = response.text.strip().split("\n\n")
    assert head == "retry: 2000"
    kind, data = events[0].split("\n")
    assert kind == "event: live"
    told = json.loads(data.removeprefix("data: "))
    assert told["calls"] == []
    assert (told["call_count"], told["calls_last_minute"], told["failures_last_hour"]) == (0, 0, {})
    assert told["capacity"]["inbound"] == {"busy": 0, "limit": 500}
    assert told["capacity"]["webrtc"] == {"busy": 0, "limit": None}
    assert (await world.anonymous.get("live")).status_code == 401


async def test_who_is_signed_out_sees_no_more_of_what_was_open(world: World) -> None:
    browser = Browser(world)
    session = (await browser.sign_in(api_key=world.secret)).json()["data"]["session_id"]
    streaming = asyncio.create_task(browser("GET", "live"))
    await asyncio.sleep(0.05)
    assert not streaming.done()
    await world.gateway.sign_in.sessions.end(world.organization_id, session)
    response = await asyncio.wait_for(streaming, 5)
    assert response.text.count("event: live") == 1


async def test_a_stream_ends_with_the_key_that_opened_it(world: World) -> None:
    key, secret = await world.gateway.directory.create_key(world.organization_id, "wall display")
    streaming = asyncio.create_task(Api(world.app, secret).get("live"))
    await asyncio.sleep(0.05)
    assert not streaming.done()
    await world.gateway.directory.revoke_key(world.organization_id, key.id)
    response = await asyncio.wait_for(streaming, 5)
    assert response.text.count("event: live") == 1
